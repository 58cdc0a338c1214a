//! SOCKS 4a and 5 (RFC 1928, RFC 1929): asks a proxy for a connection. Knows nothing of how the proxy was reached.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::{Host, Url};

use crate::address::{self, host_and_port};
use crate::dial::resolve;
use crate::dial::stream::Stream;
use crate::dial::tcp::plain;
use crate::dial::upgrade::credentials_of;
use crate::error::{Error, ErrorCode, Result};
use crate::options::Options;

/// A conversation with one proxy about one target.
struct Socks<'a> {
    stream: Stream,
    who: &'a str,
    target: String,
    port: u16,
}

/// Asks the proxy at the other end of `stream` for a connection to `url`'s host. `socks5` resolves the name here, `socks5h` and `socks4a` there.
///
/// # Errors
/// `proxy_auth_required`, `proxy_failed`; `dns_failed` with `socks5`.
pub(super) async fn connect(stream: Stream, proxy: &Url, url: &Url, who: &str, options: &Options) -> Result<Stream> {
    let host = match (proxy.scheme(), url.host()) {
        (_, None) => return Err(Error::new(ErrorCode::InvalidUrl, "the URL has no host")),
        // The local address is one of the connection to the proxy and says nothing about the target.
        ("socks5", Some(Host::Domain(_))) => {
            let addresses = resolve::resolve(url, &Options { local_address: None, ..options.clone() }).await?;
            addresses[0].ip().into()
        }
        (_, Some(Host::Domain(name))) => Target::Name(name.to_owned()),
        (_, Some(Host::Ipv4(address))) => Target::Address(address.into()),
        (_, Some(Host::Ipv6(address))) => Target::Address(address.into()),
    };
    let mut socks = Socks { stream, who, target: host_and_port(url), port: address::port(url) };
    let credentials = credentials_of(proxy);
    match proxy.scheme() {
        "socks4a" => socks.connect4(&host, credentials).await?,
        _ => socks.connect5(&host, credentials).await?,
    }
    Ok(socks.stream)
}

enum Target {
    Name(String),
    Address(IpAddr),
}

impl From<IpAddr> for Target {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl Socks<'_> {
    async fn connect4(&mut self, host: &Target, credentials: Option<(String, String)>) -> Result<()> {
        let user = credentials.map_or_else(String::new, |(user, _)| user);
        // An address that begins with 0.0.0 says that a name follows.
        let (address, name) = match host {
            Target::Address(IpAddr::V4(address)) => (*address, None),
            Target::Address(IpAddr::V6(_)) => return Err(self.failed("cannot reach an IPv6 address: SOCKS 4 has none").retryable(false)),
            Target::Name(name) => (Ipv4Addr::new(0, 0, 0, 1), Some(name)),
        };
        if user.contains('\0') {
            return Err(self.failed("cannot be given a user name with a NUL").retryable(false));
        }
        let mut request = vec![4, 1];
        request.extend(self.port.to_be_bytes());
        request.extend(address.octets());
        request.extend(user.as_bytes());
        request.push(0);
        if let Some(name) = name {
            request.extend(name.as_bytes());
            request.push(0);
        }
        self.send(&request).await?;
        let [version, status, ..] = self.receive::<8>().await?;
        match (version, status) {
            (0, 90) => Ok(()),
            (0, 91) => Err(self.failed("rejected the request, or could not connect (SOCKS 4 status 91)")),
            (0, 92 | 93) => {
                let words = format!("does not accept the user name (SOCKS 4 status {status})");
                Err(Error::new(ErrorCode::ProxyAuthRequired, self.words(&words)))
            }
            _ => Err(self.failed("does not speak SOCKS 4")),
        }
    }

    async fn connect5(&mut self, host: &Target, credentials: Option<(String, String)>) -> Result<()> {
        const ANONYMOUS: u8 = 0;
        const PASSWORD: u8 = 2;
        self.send(if credentials.is_some() { &[5, 2, ANONYMOUS, PASSWORD] } else { &[5, 1, ANONYMOUS] }).await?;
        let [version, method] = self.receive::<2>().await?;
        match (version, method, credentials) {
            (5, ANONYMOUS, _) => {}
            (5, PASSWORD, Some(credentials)) => self.log_in(&credentials).await?,
            (5, 0xff, None) => return Err(Error::new(ErrorCode::ProxyAuthRequired, self.words("wants credentials"))),
            (5, 0xff, Some(_)) => {
                return Err(Error::new(
                    ErrorCode::ProxyAuthRequired,
                    self.words("wants another kind of credentials than user name and password"),
                ));
            }
            (5, _, _) => return Err(self.failed("chose a kind of authentication that was not offered")),
            _ => return Err(self.failed("does not speak SOCKS 5")),
        }
        let mut request = vec![5, 1, 0];
        match host {
            Target::Address(IpAddr::V4(address)) => {
                request.push(1);
                request.extend(address.octets());
            }
            Target::Address(IpAddr::V6(address)) => {
                request.push(4);
                request.extend(address.octets());
            }
            Target::Name(name) => {
                let length = u8::try_from(name.len()).map_err(|_| self.failed("cannot be asked for a name of more than 255 bytes"))?;
                request.extend([3, length]);
                request.extend(name.as_bytes());
            }
        }
        request.extend(self.port.to_be_bytes());
        self.send(&request).await?;
        let [version, status, _, kind] = self.receive::<4>().await?;
        if version != 5 {
            return Err(self.failed("does not speak SOCKS 5"));
        }
        if status != 0 {
            let words = match status {
                1 => "a general failure",
                2 => "its rules do not allow it",
                3 => "the network is unreachable",
                4 => "the host is unreachable, or its name unknown",
                5 => "the connection was refused",
                6 => "it took too long",
                7 => "it knows no CONNECT",
                8 => "it does not know this kind of address",
                _ => "an unknown status",
            };
            return Err(self
                .failed(&format!("could not connect: {words} (SOCKS 5 status {status})"))
                .retryable(!matches!(status, 2 | 7 | 8)));
        }
        // The address that the proxy connects from: of no use here.
        match kind {
            1 => _ = self.receive::<6>().await?,
            4 => _ = self.receive::<18>().await?,
            3 => {
                let [length] = self.receive::<1>().await?;
                for _ in 0..u16::from(length) + 2 {
                    self.receive::<1>().await?;
                }
            }
            _ => return Err(self.failed("does not speak SOCKS 5")),
        }
        Ok(())
    }

    /// RFC 1929.
    async fn log_in(&mut self, (user, password): &(String, String)) -> Result<()> {
        let length =
            |text: &str| u8::try_from(text.len()).map_err(|_| self.failed("takes no credentials of more than 255 bytes").retryable(false));
        let mut request = vec![1, length(user)?];
        request.extend(user.as_bytes());
        request.push(length(password)?);
        request.extend(password.as_bytes());
        self.send(&request).await?;
        match self.receive::<2>().await? {
            [_, 0] => Ok(()),
            _ => Err(Error::new(ErrorCode::ProxyAuthRequired, self.words("did not accept the credentials given"))),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| self.broken(&error))
    }

    async fn receive<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match self.stream.read_exact(&mut bytes).await {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn words(&self, words: &str) -> String {
        format!("{} {words}, on the way to {}", self.who, self.target)
    }

    fn failed(&self, words: &str) -> Error {
        Error::new(ErrorCode::ProxyFailed, self.words(words))
    }

    fn broken(&self, error: &io::Error) -> Error {
        let words = match error.kind() {
            io::ErrorKind::UnexpectedEof => "ended the connection instead of an answer".to_owned(),
            _ => format!("could not be asked: {}", plain(error)),
        };
        self.failed(&words).caused_by(error)
    }
}
