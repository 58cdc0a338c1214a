//! Coming back: the verdicts, the budgets, the delays.

use std::time::Duration;

use serde_json::json;

use super::{Sim, reconnecting, reconnecting_with, refused, secs};
use crate::close::CloseCode;
use crate::error::{Error, ErrorCode};
use crate::event::{Question, ReadyState};
use crate::options::{Options, Providers, ReconnectOptions};
use crate::session::Session;

const SHOULD: Providers = Providers { url: false, headers: false, protocols: false, should_reconnect: true, ready: false };

/// Whether a socket reconnects after that error of its first attempt.
fn retries(error: Error) -> bool {
    let mut sim = Sim::new(reconnecting());
    sim.go(Session::start);
    sim.dial_fails(error);
    sim.last_close().will_reconnect
}

/// Whether it reconnects after that close code of the peer.
fn returns(code: Option<u16>, options: ReconnectOptions) -> bool {
    let mut sim = Sim::open(reconnecting_with(options));
    sim.peer_closes(code, "");
    sim.lost();
    sim.last_close().will_reconnect
}

/// The delay, in seconds, that was reported last.
fn delay(sim: &Sim) -> f64 {
    sim.last_close().retry_in.unwrap().as_secs_f64()
}

#[test]
fn it_is_off_unless_asked() {
    let mut sim = Sim::open(Options::default());
    sim.lost();
    assert_eq!(sim.take(), ["drop", "close 1006 unclean connection_lost final"]);
    assert_eq!((sim.state(), sim.last_close().retry_in), (ReadyState::Closed, None));
}

#[test]
fn while_reconnecting_ready_state_is_connecting_and_close_tells() {
    let mut sim = Sim::open(reconnecting());
    sim.lost();
    assert_eq!(sim.take(), ["drop", "close 1006 unclean connection_lost again", "reconnecting 1"]);
    assert_eq!(sim.state(), ReadyState::Connecting);
    let told = sim.last_close().retry_in.unwrap();
    assert_eq!(sim.last_close().error.as_ref().unwrap().retry_in, Some(told));
    assert_eq!(sim.session.next_deadline(), Some(sim.now + told));
    sim.pass(told.as_secs_f64());
    assert_eq!((sim.take(), sim.state()), (vec!["dial".to_owned()], ReadyState::Connecting));
    sim.opened();
    assert_eq!((sim.take(), sim.state()), (vec!["open".to_owned()], ReadyState::Open));
}

#[test]
fn a_failed_attempt_is_error_and_close_1006_with_what_follows() {
    let mut sim = Sim::new(reconnecting());
    sim.go(Session::start);
    sim.refused(503);
    assert_eq!(sim.take(), ["dial", "error http_refused", "close 1006 unclean http_refused again", "reconnecting 1"]);
    let error = &sim.errors[0];
    assert!(error.retryable && error.retry_in.is_some() && error.to_string().contains("next attempt in"), "{error}");
}

#[test]
fn the_delay_is_random_in_a_bound_that_grows_to_max_delay() {
    let mut longest = [0.0_f64; 9];
    for seed in 0..300 {
        let mut sim = Sim::with(reconnecting(), Providers::default(), seed);
        sim.go(Session::start);
        for (n, longest) in longest.iter_mut().enumerate() {
            sim.refused(503);
            let bound = (0.5 * 2_f64.powi(i32::try_from(n).unwrap())).min(30.0);
            let delay = delay(&sim);
            assert!(delay > 0.0 && delay <= bound, "attempt {n}: {delay} of {bound}");
            *longest = longest.max(delay / bound);
            sim.pass(delay);
        }
    }
    assert!(longest.iter().all(|share| *share > 0.95), "the whole range is used: {longest:?}");
}

#[test]
fn the_counter_resets_only_after_min_uptime() {
    let bounds_after = |uptime: f64| {
        let mut sim = Sim::new(reconnecting());
        sim.go(Session::start);
        for _ in 0..5 {
            sim.refused(503);
            sim.pass(30.0);
        }
        sim.opened();
        sim.pass(uptime);
        sim.take();
        sim.lost();
        sim.take().pop().unwrap()
    };
    assert_eq!(bounds_after(9.9), "reconnecting 6");
    assert_eq!(bounds_after(10.0), "reconnecting 1");
}

#[test]
fn a_server_that_accepts_and_kicks_at_once_sees_the_delays_grow() {
    let mut sim = Sim::new(reconnecting());
    sim.go(Session::start);
    while sim.now - sim.start < secs(300) {
        sim.opened();
        sim.peer_closes(Some(4000), "kick");
        sim.lost();
        sim.pass(delay(&sim));
    }
    let attempts = sim.closes.len();
    assert!((10..60).contains(&attempts), "{attempts} in 300 s");
    assert_eq!(sim.log.iter().filter(|line| line.starts_with("reconnecting")).count(), attempts);
}

#[test]
fn retry_after_is_honoured() {
    let after = |error: Error, seconds| error.with(|detail| detail.retry_after = Some(seconds));
    for seed in 0..50 {
        let mut sim = Sim::with(reconnecting(), Providers::default(), seed);
        sim.go(Session::start);
        sim.dial_fails(after(refused(503), secs(120)));
        let delay = delay(&sim);
        assert!(delay > 120.0 && delay <= 120.5, "never before, and spread after it: {delay}");
    }
    let mut sim = Sim::new(reconnecting());
    sim.go(Session::start);
    sim.dial_fails(after(refused(429), Duration::MAX));
    sim.pass(1e9);
    assert_eq!(sim.state(), ReadyState::Connecting, "for ever, without a panic");
    sim.close(1000, "");
    assert_eq!(sim.state(), ReadyState::Closed);
}

#[test]
fn statuses_401_403_407_have_the_small_auth_budget() {
    for status in [401, 403, 407] {
        assert!(!retries(refused(status)), "{status}");
        let mut sim = Sim::new(reconnecting_with(ReconnectOptions { max_auth_failures: Some(3), ..ReconnectOptions::default() }));
        sim.go(Session::start);
        for last in [false, false, true] {
            sim.refused(status);
            assert_eq!(sim.last_close().will_reconnect, !last);
            assert!(!sim.errors[0].retryable);
            sim.pass(30.0);
        }
    }
    let proxy = Error::new(ErrorCode::ProxyAuthRequired, "the proxy wants credentials");
    assert!(!retries(proxy));
    assert!(!retries(Error::new(ErrorCode::ProxyFailed, "no").with(|detail| detail.status = Some(403))));
}

#[test]
fn close_codes_that_say_do_not_come_back_have_the_small_auth_budget() {
    for code in [1002, 1003, 1007, 1008, 1010, 3000, 4001, 4003, 4004] {
        assert!(!returns(Some(code), ReconnectOptions::default()), "{code}");
        assert!(returns(Some(code), ReconnectOptions { max_auth_failures: Some(2), ..ReconnectOptions::default() }), "{code}");
    }
    let users = ReconnectOptions { fatal_close_codes: vec![1000, 4100], ..ReconnectOptions::default() };
    for (code, back) in [(1000, false), (4100, false), (4101, true), (1008, true)] {
        assert_eq!(returns(Some(code), users.clone()), back, "{code}");
    }
    let resumable = ReconnectOptions { retry_close_codes: vec![4001, 4003], ..ReconnectOptions::default() };
    for (code, back) in [(4001, true), (4003, true), (4004, false)] {
        assert_eq!(returns(Some(code), resumable.clone()), back, "{code}");
    }
}

#[test]
fn min_uptime_resets_the_auth_budget() {
    let mut sim = Sim::open(reconnecting_with(ReconnectOptions { max_auth_failures: Some(2), ..ReconnectOptions::default() }));
    for _ in 0..5 {
        sim.pass(10.0);
        sim.peer_closes(Some(4001), "");
        sim.lost();
        assert!(sim.last_close().will_reconnect);
        sim.pass(1.0);
        sim.opened();
    }
    sim.pass(1.0);
    sim.peer_closes(Some(4001), "");
    sim.lost();
    assert!(!sim.last_close().will_reconnect);
}

#[test]
fn statuses_5xx_and_close_codes_1001_1006_1011_to_1013_retry_and_a_servers_1000_is_not_final() {
    for status in [408, 425, 429, 500, 502, 503, 504, 520, 599] {
        assert!(retries(refused(status)), "{status}");
    }
    for code in [1000, 1001, 1009, 1011, 1012, 1013, 1014, 4000, 4002, 4999] {
        assert!(returns(Some(code), ReconnectOptions::default()), "{code}");
    }
    assert!(returns(None, ReconnectOptions::default()), "1005");
    let mut sim = Sim::open(reconnecting());
    sim.fails();
    assert!(sim.last_close().will_reconnect && sim.errors[0].retryable, "1006, for we failed the connection");
}

#[test]
fn statuses_that_would_come_again_end_it() {
    for status in [200, 204, 301, 400, 404, 405, 410, 426] {
        assert!(!retries(refused(status)), "{status}");
    }
}

#[test]
fn options_and_certificates_never_retry_and_transport_failures_do() {
    use ErrorCode as E;
    for code in [
        E::InvalidUrl,
        E::InvalidHeader,
        E::InvalidOption,
        E::TlsCertificate,
        E::HttpRedirect,
        E::SubprotocolMismatch,
        E::ExtensionMismatch,
        E::Forked,
        E::Internal,
    ] {
        assert!(!retries(Error::new(code, "x")), "{code:?}");
    }
    for code in [
        E::DnsFailed,
        E::ConnectionRefused,
        E::ConnectionFailed,
        E::OpenTimeout,
        E::ProxyFailed,
        E::TlsFailed,
        E::HttpInvalid,
        E::ProviderFailed,
        E::RuntimeFailed,
    ] {
        assert!(retries(Error::new(code, "x")), "{code:?}");
    }
}

#[test]
fn what_an_attempt_found_to_be_lasting_ends_it() {
    for code in [ErrorCode::ProxyFailed, ErrorCode::TlsFailed, ErrorCode::ConnectionFailed] {
        assert!(retries(Error::new(code, "x")) && !retries(Error::new(code, "x").retryable(false)), "{code:?}");
    }
}

#[test]
fn our_own_close_is_final() {
    let mut sim = Sim::open(reconnecting());
    sim.close(1000, "");
    sim.peer_closes(Some(1000), "");
    sim.lost();
    assert_eq!(sim.take().last().unwrap(), "close 1000 clean final");
    sim.pass(1000.0);
    assert!(sim.take().is_empty());
}

#[test]
fn max_retries_bounds_the_attempts_in_a_row() {
    let mut sim = Sim::open(reconnecting_with(ReconnectOptions { max_retries: Some(3), ..ReconnectOptions::default() }));
    sim.lost();
    for _ in 0..3 {
        sim.pass(30.0);
        sim.refused(503);
    }
    sim.pass(1000.0);
    let log = sim.take();
    assert_eq!(log.iter().filter(|line| *line == "dial").count(), 3);
    assert_eq!(log.last().unwrap(), "close 1006 unclean http_refused final");
}

#[test]
fn retry_on_first_connect_decides_about_the_very_first_attempt_only() {
    let options = || reconnecting_with(ReconnectOptions { retry_on_first_connect: false, ..ReconnectOptions::default() });
    let mut sim = Sim::new(options());
    sim.go(Session::start);
    sim.refused(503);
    assert!(!sim.last_close().will_reconnect);

    let mut sim = Sim::open(options());
    for _ in 0..3 {
        sim.lost();
        sim.pass(30.0);
        sim.refused(503);
        assert!(sim.last_close().will_reconnect);
        sim.pass(30.0);
        sim.opened();
    }
}

#[test]
fn should_reconnect_is_asked_with_the_close_and_decides() {
    for decision in [true, false] {
        let mut sim = Sim::with(reconnecting(), SHOULD, 1);
        sim.go(Session::start);
        sim.opened();
        sim.take();
        sim.peer_closes(Some(1012), "restart");
        sim.lost();
        assert_eq!(sim.take(), ["send close 1012", "drop", "ask should_reconnect"]);
        let Question::ShouldReconnect(close) = sim.questions[0].clone() else { panic!() };
        assert_eq!((close.code.0, close.reason.as_str(), close.will_reconnect), (1012, "restart", true));
        sim.answer(json!(decision));
        assert_eq!(sim.last_close().will_reconnect, decision);
        assert_eq!(sim.last_close().retry_in, close.retry_in.filter(|_| decision));
        assert_eq!(sim.take().len(), if decision { 2 } else { 1 });
    }
}

#[test]
fn should_reconnect_may_know_better_about_a_404() {
    let mut sim = Sim::with(reconnecting(), SHOULD, 1);
    sim.go(Session::start);
    sim.refused(404);
    let Question::ShouldReconnect(close) = sim.questions[0].clone() else { panic!() };
    assert!(!close.will_reconnect && close.retry_in.is_none());
    sim.answer(json!(true));
    assert_eq!(sim.take()[2..], ["error http_refused", "close 1006 unclean http_refused again", "reconnecting 1"]);
    assert!(sim.last_close().retry_in.is_some());
}

#[test]
fn should_reconnect_is_asked_for_every_end_but_our_own_close_and_may_overrule_the_rules() {
    let none = ReconnectOptions { max_retries: Some(0), retry_on_first_connect: false, ..ReconnectOptions::default() };
    let ends: [fn(&mut Sim); 5] = [
        |sim| sim.refused(401),
        |sim| sim.dial_fails(Error::new(ErrorCode::TlsCertificate, "expired")),
        |sim| sim.dial_fails(Error::new(ErrorCode::InvalidUrl, "of a function")),
        |sim| sim.refused(503),
        |sim| {
            sim.opened();
            sim.peer_closes(Some(4004), "");
            sim.lost();
        },
    ];
    for end in ends {
        let mut sim = Sim::with(reconnecting_with(none.clone()), SHOULD, 1);
        sim.go(Session::start);
        end(&mut sim);
        let Question::ShouldReconnect(close) = sim.questions[0].clone() else { panic!() };
        assert!(!close.will_reconnect && close.retry_in.is_none(), "the verdict of the rules");
        sim.answer(json!(true));
        assert!(sim.last_close().will_reconnect && sim.last_close().retry_in.is_some());
    }
    for end in [|sim: &mut Sim| sim.close(1000, ""), |sim: &mut Sim| sim.go(Session::terminate)] {
        let mut sim = Sim::with(reconnecting(), SHOULD, 1);
        sim.go(Session::start);
        sim.opened();
        end(&mut sim);
        sim.lost();
        assert!(sim.questions.is_empty() && !sim.last_close().will_reconnect);
    }
}

#[test]
fn a_should_reconnect_that_says_nothing_leaves_it_to_the_rules() {
    for (status, back) in [(503, true), (404, false)] {
        let mut sim = Sim::with(reconnecting(), SHOULD, 1);
        sim.go(Session::start);
        sim.refused(status);
        sim.answer(json!(null));
        assert_eq!(sim.last_close().will_reconnect, back, "{status}");
        assert!(sim.errors[0].causes.is_empty());
    }
}

#[test]
fn a_function_that_may_give_a_fresh_token_gets_a_second_chance() {
    let token = Providers { url: true, ..Providers::default() };
    for (budget, ends) in [(None, 2), (Some(1), 1), (Some(3), 3)] {
        let options = ReconnectOptions { max_auth_failures: budget, ..ReconnectOptions::default() };
        let mut sim = Sim::with(reconnecting_with(options), token, 1);
        sim.go(Session::start);
        for number in 1..=ends {
            sim.answer(json!("ws://im.example/"));
            sim.refused(401);
            assert_eq!(sim.last_close().will_reconnect, number < ends, "{budget:?}");
            sim.pass(30.0);
        }
    }
}

/// The table for users agrees with the behaviour of a socket, for every code.
#[test]
fn the_reference_of_errors_says_what_a_socket_does() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = folder.ancestors().find_map(|folder| std::fs::read_to_string(folder.join("docs/errors.md")).ok()).unwrap();
    let rows: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect();
    assert_eq!(rows.len(), ErrorCode::ALL.len());
    for (name, rest) in rows {
        let code = *ErrorCode::ALL.iter().find(|code| code.as_str() == name).unwrap();
        let error = Error::new(code, "x");
        let says = match rest.split(" |").next().unwrap() {
            "by status" | "by close code" => continue, // the tests of statuses and close codes
            again => again == "yes",
        };
        // As an attempt may end with it, a connection that we fail, and one that is lost.
        let open = |end: &dyn Fn(&mut Sim)| {
            let mut sim = Sim::open(reconnecting());
            end(&mut sim);
            (sim.last_close().will_reconnect, sim.last_close().error.as_ref().unwrap().retryable)
        };
        assert_eq!(retries(error.clone()), says, "{name}");
        let failed = open(&|sim| sim.go(|session, now| session.handle_failure(now, error.clone(), CloseCode::PROTOCOL_ERROR)));
        let lost = open(&|sim| sim.go(|session, now| session.handle_lost(now, Some(error.clone()))));
        assert_eq!([failed, lost], [(says, says); 2], "{name}");
    }
}

#[test]
fn a_should_reconnect_that_fails_leaves_it_to_the_rules_and_the_error_tells() {
    for answer in [Err("TypeError: x".to_owned()), Ok(json!("yes"))] {
        let mut sim = Sim::with(reconnecting(), SHOULD, 1);
        sim.go(Session::start);
        sim.refused(503);
        let id = sim.asks[0];
        sim.go(|session, now| session.handle_answer(now, id, answer));
        let close = sim.last_close();
        assert!(close.will_reconnect);
        assert!(close.error.as_ref().unwrap().causes[0].starts_with("should_reconnect"));
    }
}

#[test]
fn a_should_reconnect_that_fails_after_a_clean_close_is_its_error() {
    let mut sim = Sim::with(reconnecting(), SHOULD, 1);
    sim.go(Session::start);
    sim.opened();
    sim.peer_closes(Some(1000), "");
    sim.lost();
    sim.answer(json!(1));
    let close = sim.last_close();
    assert_eq!((close.was_clean, close.error.as_ref().map(Error::code)), (true, Some(ErrorCode::ProviderFailed)));
}

#[test]
fn close_and_terminate_while_should_reconnect_is_asked_end_that_attempt_once() {
    for end in [|sim: &mut Sim| sim.close(1000, ""), |sim: &mut Sim| sim.go(Session::terminate)] {
        let mut sim = Sim::with(reconnecting(), SHOULD, 1);
        sim.go(Session::start);
        sim.refused(503);
        assert_eq!(sim.state(), ReadyState::Closing);
        sim.take();
        end(&mut sim);
        assert_eq!(sim.take(), ["error http_refused", "close 1006 unclean http_refused final"]);
        sim.answer(json!(true));
        assert!(sim.take().is_empty());
    }
}

#[test]
fn a_delay_of_zero_is_allowed_and_a_strange_factor_does_no_harm() {
    for factor in [0.0, 1.0, 1e300, f64::NAN] {
        let options = ReconnectOptions { min_delay: Duration::ZERO, max_delay: Duration::ZERO, factor, ..ReconnectOptions::default() };
        let mut sim = Sim::open(reconnecting_with(options));
        for _ in 0..5 {
            sim.lost();
            assert_eq!(sim.last_close().retry_in, Some(Duration::ZERO));
            sim.pass(0.0);
            sim.opened();
            assert_eq!(sim.state(), ReadyState::Open);
        }
    }
}

#[test]
fn where_no_delay_is_wanted_the_next_attempt_begins_with_the_end_that_a_deadline_brought() {
    let none = ReconnectOptions { min_delay: secs(0), max_delay: secs(0), ..ReconnectOptions::default() };
    let mut sim = Sim::open(Options { ping_interval: Some(secs(20)), ping_timeout: Some(secs(20)), ..reconnecting_with(none) });
    // `pass` checks that each deadline brings a later one.
    sim.pass(40.0);
    assert_eq!(sim.take().last().map(String::as_str), Some("dial"));
}
