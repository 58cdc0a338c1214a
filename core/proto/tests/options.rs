//! Options as the faces send them: every type, every fault, both dialects.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, clippy::default_trait_access, reason = "tests")]

use std::time::Duration;

use heartwire_proto::error::{Error, ErrorCode};
use heartwire_proto::options::Dialect::{JavaScript, Python};
use heartwire_proto::options::{
    AddressFamily, Dialect, Matcher, Options, Overflow, Payload, Pem, Providers, Proxy, ReconnectOptions, TlsVersion, read_headers,
    read_payload, read_protocols, table,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn python(value: Value) -> Options {
    Options::parse(&value, Python).unwrap().0
}

fn javascript(value: Value) -> Options {
    Options::parse(&value, JavaScript).unwrap().0
}

fn refused(value: Value, dialect: Dialect) -> Error {
    Options::parse(&value, dialect).unwrap_err()
}

/// The single line of a single fault.
fn fault(value: Value) -> String {
    let error = refused(value, Python);
    assert_eq!(error.faults.len(), 1, "{error}");
    assert_eq!(error.message, error.faults[0].to_string());
    error.message.clone()
}

fn faults(cases: &[(Value, &str)]) {
    for (value, line) in cases {
        assert_eq!(&fault(value.clone()), line);
    }
}

#[test]
fn nothing_given_is_the_default() {
    for dialect in Dialect::ALL {
        for nothing in [json!({}), Value::Null] {
            let (options, providers) = Options::parse(&nothing, dialect).unwrap();
            assert_eq!(options, Options::default());
            assert_eq!(providers, Providers::default());
        }
    }
    Options::default().check().unwrap();
    faults(&[(json!([]), "options: must be a dict; got a list")]);
}

#[test]
fn every_default_of_the_table_can_be_given_and_changes_nothing() {
    for dialect in Dialect::ALL {
        for option in table().iter().filter(|option| option.dialects().contains(&dialect)) {
            let (Some(default), path) = (option.default_value(dialect), option.path(dialect)) else { continue };
            let default: Value =
                serde_json::from_str(&default.replace("None", "null").replace("True", "true").replace("False", "false")).unwrap();
            let (with, without) = match path.split_once('.') {
                None => (json!({ path: default }), json!({})),
                // A limit for each key.
                Some((parent, name)) if name.starts_with("keys.") => {
                    let all = json!({"messages": 1, "per": 1, "keys": {"messages": 1, "per": 1}});
                    let (mut with, without) = (json!({ parent: all }), json!({ parent: all }));
                    with[parent]["keys"][name.trim_start_matches("keys.")] = default;
                    (with, without)
                }
                Some((parent, name)) => {
                    let (mut with, mut without) = (json!({ parent: { name: default } }), json!({ parent: {} }));
                    for value in [&mut with, &mut without] {
                        match parent {
                            "heartbeat" => value["heartbeat"]["message"] = "beat".into(),
                            "sendQueue" | "send_queue" => value["reconnect"] = true.into(),
                            "rateLimit" | "rate_limit" => {
                                value[parent]["messages"] = 1.into();
                                value[parent]["per"] = 1.into();
                            }
                            _ => {}
                        }
                    }
                    (with, without)
                }
            };
            assert_eq!(Options::parse(&with, dialect).unwrap(), Options::parse(&without, dialect).unwrap(), "{with}");
        }
    }
}

#[test]
fn times_are_seconds_in_python_and_milliseconds_in_javascript() {
    assert_eq!(python(json!({"open_timeout": 2.5})).open_timeout, Some(Duration::from_millis(2500)));
    assert_eq!(javascript(json!({"openTimeout": 2500})).open_timeout, Some(Duration::from_millis(2500)));
    assert_eq!(python(json!({"ping_interval": null})).ping_interval, None);
    let options = javascript(json!({"heartbeat": {"message": "x", "interval": 30_000, "timeout": 250, "maxMissed": 2}}));
    let heartbeat = options.heartbeat.unwrap();
    assert_eq!((heartbeat.interval, heartbeat.timeout), (Duration::from_secs(30), Some(Duration::from_millis(250))));
    assert_eq!(python(json!({"reconnect": {"min_delay": 0, "max_delay": 0.0}})).reconnect.unwrap().max_delay, Duration::ZERO);
    for bad in [json!(0), json!(-1), json!(0.0001), json!(1e12), json!("1"), json!(true), json!([1]), json!({"$other": "nan"})] {
        let line = fault(json!({"ping_interval": bad}));
        assert!(line.starts_with("ping_interval: must be a number of seconds from 0.001 to 31536000, or None; got "), "{line}");
    }
    assert_eq!(
        refused(json!({"pingInterval": {"$other": "NaN"}}), JavaScript).message,
        "pingInterval: must be a number of milliseconds from 1 to 31536000000, or null; got NaN"
    );
    faults(&[(json!({"close_timeout": null}), "close_timeout: must be a number of seconds from 0.001 to 31536000; got None")]);
}

#[test]
fn switches_take_true_false_none_and_more() {
    assert_eq!(python(json!({"reconnect": true})).reconnect, Some(ReconnectOptions::default()));
    for off in [json!(false), Value::Null] {
        let options = python(json!({"reconnect": off, "compression": off, "close_on_exit": off, "send_queue": off}));
        assert_eq!((options.reconnect, options.compression, options.close_on_exit, options.send_queue), (None, None, None, None));
    }
    let options = python(json!({"reconnect": {"max_retries": 3}, "send_queue": true, "close_on_exit": 0.25, "compression": {"level": 9}}));
    assert_eq!(options.reconnect.unwrap().max_retries, Some(3));
    assert_eq!(options.send_queue.unwrap().overflow, Overflow::Error);
    assert_eq!(options.close_on_exit, Some(Duration::from_millis(250)));
    assert_eq!(options.compression.unwrap().level, 9);
    assert_eq!(python(json!({"close_on_exit": true})).close_on_exit, Some(Duration::from_secs(1)));
    faults(&[
        (json!({"reconnect": "yes"}), "reconnect: must be True, False or a dict of options; got \"yes\""),
        (json!({"close_on_exit": "1"}), "close_on_exit: must be True, False or a number of seconds from 0.001 to 31536000; got \"1\""),
        (json!({"compression": {"$function": true}}), "compression: must be a dict of options; got a function"),
    ]);
}

#[test]
fn numbers_have_limits() {
    assert_eq!(javascript(json!({"maxSize": 1024.0})).max_size, 1024);
    faults(&[
        (json!({"max_size": 0}), "max_size: must be a whole number of bytes, at least 1; got 0"),
        (json!({"max_size": 1.5}), "max_size: must be a whole number of bytes, at least 1; got 1.5"),
        (json!({"max_size": true}), "max_size: must be a whole number of bytes, at least 1; got True"),
        (json!({"max_size": 1e300}), "max_size: must be a whole number of bytes, at least 1, at most 9007199254740991; got 1e+300"),
        (json!({"follow_redirects": 21}), "follow_redirects: must be a whole number from 0 to 20; got 21"),
        (json!({"compression": {"level": 10}}), "compression.level: must be a whole number from 1 to 9; got 10"),
        (json!({"reconnect": {"factor": 0.5}}), "reconnect.factor: must be a number from 1 to 100; got 0.5"),
        (
            json!({"reconnect": {"fatal_close_codes": [4001, 99]}}),
            "reconnect.fatal_close_codes[1]: must be a whole number from 1000 to 4999; got 99",
        ),
        (json!({"heartbeat": {"message": "x", "jitter": 2}}), "heartbeat.jitter: must be a number from 0 to 1; got 2"),
        (json!({"tcp_nodelay": 1}), "tcp_nodelay: must be True or False; got 1"),
    ]);
}

#[test]
fn names_choose() {
    let options = python(json!({
        "address_family": "ipv6", "tls": {"min_version": "1.3"}, "reconnect": true, "send_queue": {"overflow": "drop_oldest"},
    }));
    assert_eq!((options.address_family, options.tls.min_version), (AddressFamily::Ipv6, TlsVersion::Tls13));
    assert_eq!(options.send_queue.unwrap().overflow, Overflow::DropOldest);
    faults(&[
        (json!({"address_family": 6}), "address_family: must be \"any\", \"ipv4\" or \"ipv6\"; got 6"),
        (json!({"local_address": "localhost"}), "local_address: must be an IP address, or None; got \"localhost\""),
        (json!({"unix_socket": ""}), "unix_socket: must be the path of a file, or None; got \"\""),
        (json!({"tls": {"server_name": "a b"}}), "tls.server_name: must be a host name or an IP address, or None; got \"a b\""),
    ]);
}

#[test]
fn headers_are_objects_or_pairs_with_repeated_names() {
    let expected = [("X-A", "1"), ("X-B", "2"), ("X-B", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    for given in [
        json!({"X-A": "1", "X-B": ["2", "3"]}),
        json!([["X-A", "1"], ["X-B", "2"], ["X-B", "3"]]),
        json!([["X-A", "1"], ["X-B", ["2", "3"]]]),
    ] {
        assert_eq!(read_headers(&given).unwrap(), expected);
        assert_eq!(python(json!({ "headers": given })).headers, expected);
    }
    faults(&[
        (json!({"headers": {"X-A": 1}}), "headers[\"X-A\"]: must be a text or a list of texts"),
        (json!({"headers": [["X-A"]]}), "headers[0]: must be a pair of name and value"),
        (json!({"headers": "X-A: s3cret"}), "headers: must be a dict of texts, or a list of pairs, or a function that returns that"),
        (json!({"headers": {"X-A": "s3cret\r\nX-B: 1"}}), "headers[\"X-A\"]: has a control character (such as CR, LF or NUL) in its value"),
        (json!({"headers": {"Sec-WebSocket-Key": "s3cret"}}), "headers[\"Sec-WebSocket-Key\"]: is set by the handshake itself"),
        (json!({"cookies": {"id": "s3cret;"}}), "cookies[\"id\"]: has a control character or a semicolon in its value"),
        (json!({"origin": "a\nb"}), "origin: must be a text without control characters, or None; got \"a\\nb\""),
    ]);
    assert_eq!(refused(json!({"headers": {"a b": ""}}), Python).code(), ErrorCode::InvalidHeader);
    assert_eq!(refused(json!({"headers": {"a b": ""}, "max_size": 0}), Python).code(), ErrorCode::InvalidOption);
}

#[test]
fn subprotocols_are_tokens_each_once() {
    assert_eq!(python(json!({"protocols": "chat"})).protocols, ["chat"]);
    assert_eq!(read_protocols(&json!(["a", "b"])).unwrap(), ["a", "b"]);
    let error = refused(json!({"protocols": ["a", "", "A"]}), Python);
    assert_eq!(error.code(), ErrorCode::InvalidProtocol);
    assert_eq!(error.message, "2 faults in the options:\n  protocols[1]: is empty\n  protocols[2]: is given twice");
    // Some services take a key there.
    for bad in [
        json!(["key.s3cret", "KEY.s3cret"]),
        json!(["s3cret key"]),
        json!({"key": "s3cret"}),
        json!(["ok", ["s3cret"]]),
        json!({"$other": "s3cret"}),
    ] {
        for error in [refused(json!({ "protocols": bad }), Python), read_protocols(&bad).unwrap_err()] {
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}

#[test]
fn functions_are_taken_where_a_value_may_change() {
    let function = json!({"$function": true});
    let (options, providers) = Options::parse(
        &json!({
            "headers": function, "protocols": function, "reconnect": {"should_reconnect": function},
            "heartbeat": {"message": function, "mandatory": true},
        }),
        Python,
    )
    .unwrap();
    assert_eq!(providers, Providers::default().url(false).headers(true).protocols(true).should_reconnect(true).ready(false));
    assert_eq!(options.heartbeat.unwrap().message, Payload::Function);
    faults(&[
        (json!({"max_size": function}), "max_size: must be a whole number of bytes, at least 1; got a function"),
        (json!({"reconnect": {"should_reconnect": true}}), "reconnect.should_reconnect: must be a function, or None; got True"),
    ]);
    assert_eq!(read_payload(&function).unwrap_err().code(), ErrorCode::InvalidOption);
}

#[test]
fn heartbeats_send_text_bytes_or_json() {
    let message = |value: Value| python(json!({"heartbeat": {"message": value}})).heartbeat.unwrap().message;
    assert_eq!(message(json!("beat")), Payload::Text("beat".into()));
    assert_eq!(message(json!({"url": "/chat", "a": [1, null]})), Payload::Text(r#"{"url":"/chat","a":[1,null]}"#.into()));
    assert_eq!(message(json!({"$bytes": "AAE="})), Payload::Binary(vec![0, 1]));
    assert_eq!(read_payload(&json!(7)).unwrap(), Payload::Text("7".into()));
    let matcher =
        |value: Value| python(json!({"heartbeat": {"message": "x", "timeout": 5, "response": value}})).heartbeat.unwrap().response;
    assert_eq!(matcher(json!("ok")), Some(Matcher::Text("ok".into())));
    assert_eq!(matcher(json!({"a": 1})), Some(Matcher::Json(json!({"a": 1}))));
    assert_eq!(matcher(Value::Null), None);
    for bad in [Value::Null, json!({"$bytes": "%"}), json!({"a": {"$other": "nan"}}), json!([{"$function": true}])] {
        let line = fault(json!({"heartbeat": {"message": bad}}));
        assert!(line.starts_with("heartbeat.message: must be a text, bytes or a JSON value, or a function"), "{line}");
    }
    faults(&[
        (
            json!({"heartbeat": {"message": "x", "timeout": 5, "response": {"$bytes": ""}}}),
            "heartbeat.response: must be a text, or a JSON object or array, or None; got bytes",
        ),
        (json!({"heartbeat": {}}), "heartbeat.message: is required: a text, bytes or a JSON value, or a function that returns one of them"),
        (json!({"heartbeat": "beat"}), "heartbeat: must be a dict of options with message, or None; got \"beat\""),
    ]);
}

#[test]
fn proxies_are_switches_or_urls_and_keep_their_password() {
    assert_eq!(python(json!({"proxy": true})).proxy, Proxy::Environment);
    for none in [json!(false), Value::Null] {
        assert_eq!(python(json!({ "proxy": none })).proxy, Proxy::None);
    }
    let options = python(json!({"proxy": "socks5h://user:s3cret@proxy.example:1080"}));
    assert!(matches!(&options.proxy, Proxy::Url(url) if url.password() == Some("s3cret")));
    assert!(!format!("{options:?}").contains("s3cret"));
    for bad in [
        "ftp://user:s3cret@proxy.example",
        "proxy.example:3128",
        "proxy.example:3128:user:s3cret",
        "user:s3cret",
        "http://",
        "socks5://user:s3cret@",
        "socks4://user:s3cret@h",
    ] {
        let line = fault(json!({ "proxy": bad }));
        assert!(
            line.starts_with("proxy: must be True (the environment's), False (none), or a URL whose scheme is one of http, https"),
            "{line}"
        );
        assert!(!line.contains("s3cret"), "{line}");
    }
}

#[test]
fn secrets_are_never_shown() {
    for bad in [
        json!({"auth": "user:s3cret"}),
        json!({"auth": ["us:er", "s3cret"]}),
        json!({"auth": ["user", "s3cret", "more"]}),
        json!({"tls": {"key": {"s3cret": 1}}}),
        json!({"tls": {"cert": "s3cret\u{0}", "key": "x"}}),
        json!({"cookies": [["id", {"s3cret": 1}]]}),
        json!({"cookies": {"id=s3cret": "x"}}),
        json!({"headers": {"Authorization: Bearer s3cret": "x"}}),
        json!({"headers": {"Bearer s3cret": ["x", 1]}}),
        json!({"headers": [["Token s3cret", "x"]]}),
        json!({"headers": {"Host": "u:s3cret@h"}}),
        json!({"tls": {"password": ["s3cret"]}}),
        json!({"password": "s3cret"}),
    ] {
        let error = refused(bad, Python);
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
    }
    let options = python(json!({
        "auth": ["user", "s3cret"], "headers": {"Token": "s3cret"}, "cookies": {"id": "s3cret"}, "tls": {"cert": "x", "key": "s3cret", "password": "s3cret"},
        "protocols": ["key.s3cret"],
    }));
    assert!(!format!("{options:?}").contains("s3cret"), "{options:?}");
}

#[test]
fn pem_may_be_bytes() {
    assert_eq!(python(json!({"tls": {"ca": {"$bytes": "LS0t"}}})).tls.ca, Some(Pem::Content(b"---".to_vec())));
    assert_eq!(python(json!({"tls": {"ca": {"$bytes": "/w=="}}})).tls.ca, Some(Pem::Content(vec![0xff])));
    assert_eq!(python(json!({"tls": {"ca": "a.pem"}})).tls.ca, Some(Pem::File("a.pem".into())));
    assert!(matches!(python(json!({"tls": {"ca": "x\n-----BEGIN CERTIFICATE-----"}})).tls.ca, Some(Pem::Content(_))));
    for bad in [json!(""), json!({"$bytes": ""}), json!(1), json!("a\u{0}b")] {
        faults(&[(json!({"tls": {"ca": bad}}), "tls.ca: must be PEM as a text or bytes, or the path of a PEM file, or None")]);
    }
}

#[test]
fn places_to_connect_to_are_hosts_with_ports() {
    let place = |text: &str| python(json!({ "connect_to": text })).connect_to.unwrap().to_string();
    assert_eq!(place("10.0.0.1:8443"), "10.0.0.1:8443");
    assert_eq!(place("fe80::1%eth0"), "[fe80::1%eth0]");
    for bad in ["", "ws://h/", "h:0", "h:port", "a b"] {
        let line = fault(json!({ "connect_to": bad }));
        assert_eq!(line, format!("connect_to: must be a host, host:port or [IPv6 address%zone]:port, or None; got {bad:?}"));
    }
}

#[test]
fn unknown_options_name_the_nearest() {
    faults(&[
        (json!({"reconect": true}), "reconect: is not an option; did you mean reconnect?"),
        (json!({"pingInterval": 3}), "pingInterval: is not an option; did you mean ping_interval?"),
        (json!({"heartbeat": {"message": "x", "intervall": 3}}), "heartbeat.intervall: is not an option; did you mean heartbeat.interval?"),
        (json!({"max_payload": 3}), "max_payload: is not an option; did you mean max_size?"),
    ]);
    let error = refused(json!({"handshakeTimeout": 3}), JavaScript);
    assert_eq!(error.message, "handshakeTimeout: is not an option; did you mean openTimeout?");
}

#[test]
fn an_option_of_one_language_is_unknown_in_the_other() {
    assert!(javascript(json!({"allowSynchronousEvents": true})).allow_synchronous_events);
    assert!(fault(json!({"allow_synchronous_events": true})).starts_with("allow_synchronous_events: is not an option; "));
    assert!(refused(json!({"signal": {}}), JavaScript).message.starts_with("signal: must be an AbortSignal"));
}

#[test]
fn options_that_do_not_fit_together_are_refused() {
    faults(&[
        (json!({"send_queue": true}), "send_queue: needs reconnect: without it a socket that is down never sends again"),
        (json!({"reconnect": {"min_delay": 2, "max_delay": 1}}), "reconnect.min_delay: must not be more than reconnect.max_delay"),
        (
            json!({"heartbeat": {"message": "x", "max_missed": 2}}),
            "heartbeat.max_missed: needs heartbeat.timeout: without it none is ever missed",
        ),
        (
            json!({"heartbeat": {"message": "x", "mandatory": true}}),
            "heartbeat.mandatory: is only for a function given as heartbeat.message",
        ),
        (json!({"tls": {"cert": "-----BEGIN CERTIFICATE-----"}}), "tls.cert: needs tls.key, or the key in the same PEM"),
        (json!({"tls": {"password": "s3cret"}}), "tls.password: needs tls.cert"),
        (json!({"unix_socket": "/s", "connect_to": "h"}), "unix_socket: does not go together with connect_to"),
        (json!({"tls": {"key": "x"}}), "tls.key: needs tls.cert"),
        (json!({"allow_insecure_redirect": true}), "allow_insecure_redirect: needs follow_redirects"),
        (json!({"unix_socket": "/s", "proxy": "http://p"}), "unix_socket: does not go together with proxy"),
        (json!({"local_address": "::1", "address_family": "ipv4"}), "local_address: is of another kind than address_family"),
        (
            json!({"auth": ["a", "b"], "headers": {"Authorization": "x"}}),
            "auth: says the same as the header authorization in headers; give one of them",
        ),
    ]);
    assert_eq!(
        refused(json!({"reconnect": {"minDelay": 2, "maxDelay": 1}}), JavaScript).message,
        "reconnect.minDelay: must not be more than reconnect.maxDelay"
    );
    // One fault, not two: the program did not choose the default that replaces the faulty value.
    assert!(fault(json!({"reconnect": {"min_delay": "x", "max_delay": 0.1}})).starts_with("reconnect.min_delay: must be"));
    assert!(fault(json!({"reconnect": "x", "send_queue": true})).starts_with("reconnect: must be"));
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_definition() {
    let heartbeat = json!({"message": "x", "maxMissed": "many", "x": 1});
    let error = refused(json!({"colour": 1, "pingInterval": -5, "heartbeat": heartbeat, "sendQueue": true}), JavaScript);
    assert_eq!(error.code(), ErrorCode::InvalidOption);
    let paths: Vec<_> = error.faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["pingInterval", "heartbeat.maxMissed", "heartbeat.x", "colour", "sendQueue"]);
    assert_eq!(error.message.lines().count(), 6);
    assert_eq!(error.faults[0].value.as_deref(), Some("-5"));
}

#[test]
fn what_a_rust_program_sets_has_the_same_limits() {
    let options = Options::new().max_size(0).ping_interval(Some(Duration::ZERO)).send_queue(Some(Default::default()));
    let error = options.check().unwrap_err();
    let paths: Vec<_> = error.faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["ping_interval", "max_size", "send_queue"]);
    assert_eq!(error.faults[0].to_string(), "ping_interval: must be a number of seconds from 0.001 to 31536000, or None; got 0");
}

#[test]
fn long_values_are_shortened() {
    assert!(fault(json!({"address_family": "x".repeat(10_000)})).len() < 200);
    assert!(fault(json!({"x".repeat(10_000): 1})).len() < 200);
}

/// Arbitrary JSON, with the words that mean something to us among the names and values.
fn any_json() -> impl Strategy<Value = Value> {
    let names: Vec<String> = Dialect::ALL
        .iter()
        .flat_map(|dialect| table().iter().map(|option| option.name(*dialect)))
        .chain(["$function", "$bytes", "$other", ""].map(str::to_owned))
        .collect();
    let name = prop_oneof![4 => proptest::sample::select(names), 1 => ".{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..100).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        proptest::sample::select(vec!["http://p", "ipv4", "1.3", "error", "::1", "AAAA", "a b"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_it_panic_and_what_is_accepted_passes_the_check(value in any_json(), javascript in any::<bool>()) {
        let dialect = if javascript { JavaScript } else { Python };
        match Options::parse(&value, dialect) {
            Ok((options, _)) => prop_assert!(options.check().is_ok(), "{:?}", options.check()),
            Err(error) => prop_assert!(!error.faults.is_empty()),
        }
        let _ = (read_headers(&value), read_protocols(&value), read_payload(&value));
    }
}
