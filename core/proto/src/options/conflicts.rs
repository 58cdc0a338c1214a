//! Checks options that do not fit together. A pair is skipped if one of its options is faulty by itself.

use super::types::{AddressFamily, Payload, Pem, Proxy};
use super::{HeartbeatOptions, Options, report::Report};

pub(super) fn check(report: &mut Report, options: &Options) {
    if options.send_queue.is_some() && options.reconnect.is_none() {
        report.conflict(&["send_queue", "reconnect"], |other| {
            format!("needs {}: without it a socket that is down never sends again", other[0])
        });
    }
    if options.reconnect.as_ref().is_some_and(|reconnect| reconnect.min_delay > reconnect.max_delay) {
        report.conflict(&["reconnect.min_delay", "reconnect.max_delay"], |other| format!("must not be more than {}", other[0]));
    }
    check_announcement(report, options);
    if let Some(heartbeat) = &options.heartbeat {
        check_heartbeat(report, heartbeat);
    }
    check_bot(report, options);
    // The key may be in the certificate's PEM. A file is checked when it is read.
    if options.tls.key.is_none() && matches!(&options.tls.cert, Some(pem @ Pem::Content(_)) if !pem.shows("PRIVATE KEY-----")) {
        report.conflict(&["tls.cert", "tls.key"], |other| format!("needs {}, or the key in the same PEM", other[0]));
    }
    if options.tls.password.is_some() && options.tls.cert.is_none() {
        report.conflict(&["tls.password", "tls.cert"], |other| format!("needs {}", other[0]));
    }
    if options.tls.key.is_some() && options.tls.cert.is_none() {
        report.conflict(&["tls.key", "tls.cert"], |other| format!("needs {}", other[0]));
    }
    if options.allow_insecure_redirect && options.follow_redirects == 0 {
        report.conflict(&["allow_insecure_redirect", "follow_redirects"], |other| format!("needs {}", other[0]));
    }
    check_route(report, options);
    check_headers(report, options);
}

/// Options for a server that asks its clients to connect again.
fn check_announcement(report: &mut Report, options: &Options) {
    let Some(reconnect) = &options.reconnect else { return };
    let needs_on = |other: &[String]| format!("needs {}: the message that announces it", other[0]);
    if reconnect.on.is_none() && reconnect.url.is_some() {
        report.conflict(&["reconnect.url", "reconnect.on"], needs_on);
    }
    if reconnect.on.is_none() && reconnect.overlap {
        report.conflict(&["reconnect.overlap", "reconnect.on"], needs_on);
    }
    if reconnect.overlap && report.providers.ready {
        report.conflict(&["reconnect.overlap", "ready.run"], |other| {
            format!("does not go together with {}: the function would not know which connection it has", other[0])
        });
    }
}

/// Options of the login and of rate limits that do not fit together.
fn check_bot(report: &mut Report, options: &Options) {
    if let Some(limit) = &options.rate_limit
        && limit.reserve.is_some_and(|reserve| reserve >= limit.messages)
    {
        report.conflict(&["rate_limit.reserve", "rate_limit.messages"], |other| format!("must be less than {}", other[0]));
    }
    if let Some(ready) = &options.ready {
        if report.providers.ready && (ready.send.is_some() || ready.expect.is_some()) {
            report.conflict(&["ready.run", "ready.send", "ready.expect"], |other| {
                format!("does not go together with {} and {}", other[0], other[1])
            });
        }
        if ready.reject.is_some() && ready.expect.is_none() && !report.providers.ready {
            report.conflict(&["ready.reject", "ready.expect"], |other| format!("needs {}: without it the login is done at once", other[0]));
        }
    }
}

/// Options of a heartbeat that do not fit together.
pub(super) fn check_heartbeat(report: &mut Report, heartbeat: &HeartbeatOptions) {
    if heartbeat.max_missed > 1 && heartbeat.timeout.is_none() {
        report.conflict(&["heartbeat.max_missed", "heartbeat.timeout"], |other| {
            format!("needs {}: without it none is ever missed", other[0])
        });
    }
    if heartbeat.mandatory && heartbeat.message != Payload::Function {
        report.conflict(&["heartbeat.mandatory", "heartbeat.message"], |other| format!("is only for a function given as {}", other[0]));
    }
    let fits = |text: &str| heartbeat.fill.iter().all(|(target, _)| target.put(text, "null").is_some());
    let fits = match &heartbeat.message {
        Payload::Text(text) => fits(text),
        Payload::Binary(_) => heartbeat.fill.is_empty(),
        Payload::Function => true,
    };
    if !fits {
        report.conflict(&["heartbeat.fill", "heartbeat.message"], |other| {
            format!("needs {} to be JSON with room for each target: an object, or a value that is there already", other[0])
        });
    }
}

/// Ways to the server that exclude each other.
fn check_route(report: &mut Report, options: &Options) {
    if options.unix_socket.is_some() {
        if matches!(options.proxy, Proxy::Url(_)) {
            report.conflict(&["unix_socket", "proxy"], |other| format!("does not go together with {}", other[0]));
        }
        if options.connect_to.is_some() {
            report.conflict(&["unix_socket", "connect_to"], |other| format!("does not go together with {}", other[0]));
        }
        if options.local_address.is_some() {
            report.conflict(&["unix_socket", "local_address"], |other| format!("does not go together with {}", other[0]));
        }
    }
    let other_family = match (options.local_address, options.address_family) {
        (Some(address), AddressFamily::Ipv4) => address.is_ipv6(),
        (Some(address), AddressFamily::Ipv6) => address.is_ipv4(),
        _ => false,
    };
    if other_family {
        report.conflict(&["local_address", "address_family"], |other| format!("is of another kind than {}", other[0]));
    }
}

/// Options that set a header, when the same header is also given by name.
fn check_headers(report: &mut Report, options: &Options) {
    let given = [("auth", options.auth.is_some(), "authorization"), ("origin", options.origin.is_some(), "origin")];
    for (option, given, header) in given {
        if given && options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header)) {
            report
                .conflict(&[option, "headers"], |other| format!("says the same as the header {header} in {}; give one of them", other[0]));
        }
    }
}
