//! A connected socket: the race of a host's addresses (RFC 8305 section 5), socket options, unix sockets. Knows nothing of names or of the protocol
//! on the socket.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::error::{Error, ErrorCode, Result};
use crate::options::Options;
use crate::os::AsyncUnixStream;

type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + 'a>>;

/// The first event of the race.
enum News {
    Connected(TcpStream),
    Failed(SocketAddr, io::Error),
    /// The next address may start, while the others continue.
    Late,
}

/// Connects to the first address that answers. The next address starts when the one before has failed, or after `happy_eyeballs_delay`.
///
/// # Errors
/// `connection_refused` if all refused, else `connection_failed`. The message names the addresses tried.
pub(super) async fn connect(place: &str, addresses: Vec<SocketAddr>, options: &Options) -> Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut racing: Vec<(SocketAddr, Connecting<'_>)> = Vec::new();
    let mut failed: Vec<(SocketAddr, io::Error)> = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            racing.push((address, Box::pin(connect_one(address, options))));
        } else if racing.is_empty() {
            return Err(explain(place, &failed));
        }
        let patience = (waiting.len() > 0).then_some(options.happy_eyeballs_delay);
        match first_news(&mut racing, patience).await {
            News::Connected(stream) => return Ok(stream),
            News::Failed(address, error) => failed.push((address, error)),
            News::Late => {}
        }
    }
}

async fn first_news(racing: &mut Vec<(SocketAddr, Connecting<'_>)>, patience: Option<Duration>) -> News {
    let mut late = pin!(patience.map(sleep));
    poll_fn(|cx| {
        for index in 0..racing.len() {
            if let Poll::Ready(outcome) = racing[index].1.as_mut().poll(cx) {
                let (address, _) = racing.swap_remove(index);
                return Poll::Ready(outcome.map_or_else(|error| News::Failed(address, error), News::Connected));
            }
        }
        match late.as_mut().as_pin_mut() {
            Some(late) => late.poll(cx).map(|()| News::Late),
            None => Poll::Pending,
        }
    })
    .await
}

async fn connect_one(address: SocketAddr, options: &Options) -> io::Result<TcpStream> {
    TcpSocket::from_std_stream(socket(address, options)?.into()).connect(address).await
}

/// A non-blocking socket with the given options, to be connected to `address`.
pub(super) fn socket(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(local) = options.local_address {
        let because =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot connect from local_address {local}: {}", plain(&error)));
        socket.bind(&SocketAddr::new(local, 0).into()).map_err(because)?;
    }
    socket.set_tcp_nodelay(options.tcp_nodelay)?;
    if let Some(idle) = options.tcp_keepalive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    Ok(socket)
}

/// Connects to a unix socket.
///
/// # Errors
/// `connection_refused` or `connection_failed`.
pub(super) async fn connect_unix(path: &Path) -> Result<AsyncUnixStream> {
    AsyncUnixStream::connect(path).await.map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::ConnectionRefused => ErrorCode::ConnectionRefused,
            // This system has no unix sockets: another attempt cannot help.
            io::ErrorKind::Unsupported => ErrorCode::InvalidOption,
            _ => ErrorCode::ConnectionFailed,
        };
        Error::new(code, format!("cannot connect to the unix socket {}: {}", path.display(), plain(&error))).caused_by(&error)
    })
}

pub(super) fn explain(place: &str, failed: &[(SocketAddr, io::Error)]) -> Error {
    let refused = failed.iter().all(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused);
    let code = if refused { ErrorCode::ConnectionRefused } else { ErrorCode::ConnectionFailed };
    let tried = failed.iter().map(|(address, error)| format!("{address} ({})", plain(error))).collect::<Vec<_>>().join(", ");
    failed.iter().fold(Error::new(code, format!("cannot connect to {place}: tried {tried}")), |error, (_, cause)| error.caused_by(cause))
}

/// The words of an error without the system's error number.
pub(super) fn plain(error: &io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error").next().unwrap_or(&words).to_lowercase()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use socket2::SockRef;
    use std::time::Instant;
    use tokio::net::TcpListener;

    /// An address that never answers: a listener whose backlog is full.
    async fn dead() -> (SocketAddr, Vec<socket2::Socket>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut held = vec![listener];
        for _ in 0..3 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&address.into());
            held.push(filler);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        (address, held)
    }

    async fn live() -> (SocketAddr, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (listener.local_addr().unwrap(), listener)
    }

    #[tokio::test]
    async fn a_dead_first_address_costs_no_more_than_the_delay() {
        let (dead, _held) = dead().await;
        let (live, _listener) = live().await;
        let options = Options::new().happy_eyeballs_delay(Duration::from_millis(100));
        let begun = Instant::now();
        let stream = connect("test:1", vec![dead, live], &options).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), live);
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(95) && took < Duration::from_millis(2500), "{took:?}");
    }

    #[tokio::test]
    async fn a_refusal_starts_the_next_at_once() {
        let (live, _listener) = live().await;
        let refusing = { TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap() };
        let options = Options::new().happy_eyeballs_delay(Duration::from_secs(60));
        let stream = connect("test:1", vec![refusing, live], &options).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), live);
    }

    #[tokio::test]
    async fn a_slow_first_address_may_still_win() {
        let (dead, _held) = dead().await;
        let refusing = { TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap() };
        let options = Options::new().happy_eyeballs_delay(Duration::from_millis(10));
        let racing = connect("test:1", vec![dead, refusing], &options);
        assert!(tokio::time::timeout(Duration::from_millis(200), racing).await.is_err(), "the dead one is still being waited for");
    }

    #[tokio::test]
    async fn refusals_say_what_was_tried() {
        let refusing = { TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap() };
        let error = connect("im.example:80", vec![refusing, refusing], &Options::default()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConnectionRefused);
        assert_eq!(
            error.message,
            format!("cannot connect to im.example:80: tried {refusing} (connection refused), {refusing} (connection refused)")
        );
    }

    #[tokio::test]
    async fn socket_options_are_set() {
        let (live, _listener) = live().await;
        let options =
            Options::new().tcp_nodelay(true).tcp_keepalive(Duration::from_secs(77)).local_address(Some("127.0.0.3".parse().unwrap()));
        let stream = connect("test:1", vec![live], &options).await.unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(77));
        assert_eq!(stream.local_addr().unwrap().ip(), options.local_address.unwrap());
        let slow = Options::new().tcp_nodelay(false);
        assert!(!connect("test:1", vec![live], &slow).await.unwrap().nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_local_address_that_is_not_ours_is_named() {
        let (live, _listener) = live().await;
        let options = Options::new().local_address(Some("192.0.2.1".parse().unwrap()));
        let error = connect("test:1", vec![live], &options).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConnectionFailed);
        assert!(error.message.contains("local_address 192.0.2.1"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_unix_socket_is_named() {
        let error = connect_unix(Path::new("/nonexistent/socket")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConnectionFailed);
        assert!(error.message.contains("/nonexistent/socket"), "{error}");
    }
}
