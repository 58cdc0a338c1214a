//! Plays one scenario: the server by its script, the bot by its rules, until all expected events came, or another one did.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heartwire::testing::{FaultServer, matches};
use heartwire::{CloseCode, Data, Error, Event, Options, Proxy, Question};
use heartwire_proto::options::{Dialect, read_heartbeat};
use serde_json::{Value, json};

use crate::face::{self, Driver, Face, Socket};
use crate::watch::{Standing, compare, missing};

/// How long silence must last after the last expected event.
const QUIET: Duration = Duration::from_millis(100);
/// How long the server's records may take.
const BOUND: Duration = Duration::from_secs(30);
const TURN: Duration = Duration::from_millis(10);
const CHATTY: [&str; 4] = ["ping", "pong", "heartbeat", "drain"];

/// What the bot, its server triggers and the runner share.
struct Stage {
    rules: Vec<Value>,
    /// How often each rule matched.
    matched: Mutex<Vec<u64>>,
    seen: Mutex<Vec<Value>>,
    /// Actions that did not go as they should.
    faults: Mutex<Vec<String>>,
    server: FaultServer,
}

pub(crate) fn play(scenario: &Value, driver: Driver) -> Result<(), String> {
    let mut script = scenario["server"].clone();
    if script.is_null() {
        script = json!([{"do": "accept"}]);
    }
    let server = FaultServer::start(&script).map_err(|error| error.to_string())?;
    let places = [("{url}", server.url()), ("{port}", server.port().to_string()), ("{ca}", server.ca_pem().unwrap_or_default())];
    let mut scenario = filled(scenario, &places);
    scenario["expect"] = one_by_one(list(&scenario["expect"]));
    let mut functions = Functions::default();
    let started = Instant::now();
    let opened = open(&scenario, driver, &server, &mut functions);
    if let Some(code) = scenario["throws"].as_str() {
        return match opened {
            Err(error) if error.code().as_str() == code => Ok(()),
            Err(error) => Err(format!("the constructor raised {error:?}, not {code}")),
            Ok(_) => Err(format!("the constructor did not raise {code}")),
        };
    }
    let mut face = opened.map_err(|error| format!("the constructor raised {error:?}"))?;
    let rules = list(&scenario["client"]).to_vec();
    let stage =
        Arc::new(Stage { matched: Mutex::new(vec![0; rules.len()]), rules, seen: Mutex::default(), faults: Mutex::default(), server });
    for rule in stage.rules.iter().filter(|rule| rule["on"] == "start") {
        stage.act(&*face.socket, rule);
    }
    let triggers: Vec<_> = (0..stage.rules.len()).filter(|i| !stage.rules[*i]["on"]["server"].is_null()).collect();
    for i in triggers {
        let (stage, socket) = (Arc::clone(&stage), Arc::clone(&face.socket));
        std::thread::spawn(move || {
            let rule = &stage.rules[i];
            match stage.server.wait_for(&rule["on"]["server"], BOUND) {
                Ok(_) => stage.act(&*socket, rule),
                Err(error) => stage.faults.lock().unwrap().push(error.to_string()),
            }
        });
    }
    let outcome = watch(&scenario, &stage, &mut face, &mut functions, started);
    face.socket.terminate();
    face.run(Duration::ZERO, &mut |_, _| {});
    outcome.map_err(|words| {
        let show = |values: &[Value]| values.iter().map(shortened).collect::<Vec<_>>().join("\n    ");
        let records = stage.server.records();
        format!(
            "  {words}\n  seen:\n    {}\n  expected:\n    {}\n  the server recorded:\n    {}",
            show(&stage.seen.lock().unwrap()),
            show(list(&scenario["expect"])),
            show(list(&records))
        )
    })
}

fn open(scenario: &Value, driver: Driver, server: &FaultServer, functions: &mut Functions) -> Result<Face, Error> {
    let mut options = scenario["options"].clone();
    if options.is_null() {
        options = json!({});
    }
    if !scenario["protocols"].is_null() {
        options["protocols"] = scenario["protocols"].clone();
    }
    functions.take("headers", options.get_mut("headers"));
    functions.take("protocols", options.get_mut("protocols"));
    functions.take("message", options.get_mut("heartbeat").and_then(|heartbeat| heartbeat.get_mut("message")));
    functions.take("should_reconnect", options.get_mut("reconnect").and_then(|reconnect| reconnect.get_mut("should_reconnect")));
    let mut url = scenario["url"].clone();
    functions.take("url", Some(&mut url));
    let (mut options, mut providers) = Options::parse(&options, Dialect::Python)?;
    if options.proxy == Proxy::Environment {
        options.proxy = Proxy::None;
    }
    providers.url = functions.0.contains_key("url");
    let url = url.as_str().map_or_else(|| server.url(), str::to_owned);
    Face::open(driver, &url, options, providers)
}

/// Runs the socket until the scenario is fulfilled, or cannot be any more.
fn watch(scenario: &Value, stage: &Stage, face: &mut Face, functions: &mut Functions, started: Instant) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs_f64(scenario["within"].as_f64().unwrap_or(60.0));
    let expected = list(&scenario["expect"]);
    let mut complete: Option<(Instant, usize)> = None;
    loop {
        face.run(TURN, &mut |socket, event| {
            if let Event::Ask(ask) = &event {
                return socket.answer(ask.id, functions.answer(&ask.question));
            }
            let mut seen = face::seen(socket, &event);
            seen["elapsed"] = started.elapsed().as_secs_f64().into();
            stage.seen.lock().unwrap().push(seen.clone());
            stage.fire(socket, &seen);
        });
        if let Some(fault) = stage.faults.lock().unwrap().first() {
            return Err(fault.clone());
        }
        {
            let seen = stage.seen.lock().unwrap();
            let events = compared(&seen, list(&scenario["also"]));
            match compare(expected, &events) {
                Standing::Different(index) => return Err(format!("event {index} is not as expected: {}", shortened(events[index]))),
                Standing::Open => complete = None,
                Standing::Complete if complete.is_none_or(|(_, count)| count != events.len()) => {
                    complete = Some((Instant::now(), events.len()));
                }
                Standing::Complete => {}
            }
        }
        let records = stage.server.records();
        if let Some(record) = unwanted(scenario, list(&records)) {
            return Err(format!("the server recorded what it must not: {record}"));
        }
        let absent = missing(list(&scenario["server_saw"]), list(&records));
        let ready_state = face.socket.ready_state() as u8;
        let fits = scenario["ready_state"].is_null() || scenario["ready_state"] == ready_state;
        if complete.is_some_and(|(since, _)| since.elapsed() >= QUIET) && absent.is_none() && fits {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let words = match (complete, absent) {
                (None, _) => "not all events came in time".to_owned(),
                (_, Some(pattern)) => format!("the server did not record {pattern}"),
                _ => format!("ready_state is {ready_state}"),
            };
            return Err(words);
        }
    }
}

fn unwanted<'a>(scenario: &Value, records: &'a [Value]) -> Option<&'a Value> {
    let failed = json!({"event": "failed"});
    let expects_failure = list(&scenario["server_saw"]).iter().any(|pattern| pattern["event"] == "failed");
    let mut never = list(&scenario["server_never"]).iter().chain((!expects_failure).then_some(&failed));
    never.find_map(|pattern| records.iter().find(|record| matches(pattern, record)))
}

/// The seen events less the chatty ones that the scenario does not name.
fn compared<'a>(seen: &'a [Value], also: &[Value]) -> Vec<&'a Value> {
    seen.iter().filter(|event| !CHATTY.iter().any(|kind| event["event"] == *kind) || also.contains(&event["event"])).collect()
}

impl Stage {
    /// Runs the rules that match an event, inside its handler.
    fn fire(&self, socket: &dyn Socket, event: &Value) {
        for (i, rule) in self.rules.iter().enumerate() {
            if rule["on"]["event"].is_string() && matches(&rule["on"], event) {
                let count = {
                    let mut matched = self.matched.lock().unwrap();
                    matched[i] += 1;
                    matched[i]
                };
                if rule["nth"].as_u64().is_none_or(|nth| nth == count) {
                    self.act(socket, rule);
                }
            }
        }
    }

    fn act(&self, socket: &dyn Socket, rule: &Value) {
        for action in list(&rule["do"]) {
            let result = self.act_once(socket, action);
            let fault = match (result, action["throws"].as_str()) {
                (Ok(()), None) => None,
                (Err(error), Some(code)) if error.code().as_str() == code => None,
                (Ok(()), Some(code)) => Some(format!("{action} did not raise {code}")),
                (Err(error), _) => Some(format!("{action} raised {error:?}")),
            };
            self.faults.lock().unwrap().extend(fault);
        }
    }

    fn act_once(&self, socket: &dyn Socket, action: &Value) -> Result<(), Error> {
        let Some((name, argument)) = action.as_object().and_then(|members| members.iter().find(|(name, _)| *name != "throws")) else {
            panic!("{action} is no action");
        };
        let text = argument.as_str().unwrap_or_default();
        match name.as_str() {
            "send" => send(socket, argument),
            "send_parts" => send_parts(socket, argument),
            "close" => {
                let code = argument["code"].as_u64().map(|code| CloseCode(u16::try_from(code).unwrap()));
                socket.close(code, argument["reason"].as_str().unwrap_or_default())
            }
            "terminate" => {
                socket.terminate();
                Ok(())
            }
            "set_heartbeat" => socket.set_heartbeat(read_heartbeat(argument, Dialect::Python)?),
            "reconnect" => {
                let code = argument["code"].as_u64().map(|code| CloseCode(u16::try_from(code).unwrap()));
                let overlap = argument["overlap"] == true;
                socket.reconnect(argument["url"].as_str(), code, argument["reason"].as_str().unwrap_or_default(), overlap)
            }
            "pause" => {
                if argument == true {
                    socket.pause();
                } else {
                    socket.resume();
                }
                Ok(())
            }
            "ping" => socket.ping(text.as_bytes()),
            "pong" => socket.pong(text.as_bytes()),
            "server" => {
                match text {
                    "refuse_connections" => self.server.refuse_connections(),
                    "accept_connections" => self.server.accept_connections().unwrap(),
                    "drop_connections" => self.server.drop_connections(),
                    _ => panic!("{action}: the server cannot do that"),
                }
                Ok(())
            }
            "observe" => {
                let mut seen = json!({"event": "observed"});
                for name in list(argument) {
                    let name = name.as_str().unwrap();
                    seen[name] = match name {
                        "ready_state" => (socket.ready_state() as u8).into(),
                        "buffered_amount" => socket.buffered_amount().into(),
                        _ => socket.texts().into_iter().find(|(text, _)| *text == name).unwrap().1.into(),
                    };
                }
                self.seen.lock().unwrap().push(seen);
                Ok(())
            }
            "block" => {
                match argument.as_f64() {
                    // Time is the subject.
                    Some(seconds) => std::thread::sleep(Duration::from_secs_f64(seconds)),
                    None => _ = self.server.wait_for(&argument["server"], BOUND).unwrap(),
                }
                Ok(())
            }
            "not_recorded" => {
                let records = self.server.records();
                let found = list(&records).iter().find(|record| matches(argument, record));
                self.faults.lock().unwrap().extend(found.map(|record| format!("{action}: the server recorded {record}")));
                Ok(())
            }
            "raise" => {
                self.seen.lock().unwrap().push(json!({"event": "uncaught"}));
                Ok(())
            }
            _ => panic!("{action} is no action"),
        }
    }
}

fn send(socket: &dyn Socket, what: &Value) -> Result<(), Error> {
    if let Some(text) = what.as_str() {
        return socket.send(Data::Text(text));
    }
    if let Some(size) = what["size"].as_u64() {
        let text: String = (0..size).map(|i| char::from(b'a' + u8::try_from(i % 26).unwrap())).collect();
        return socket.send(Data::Text(&text));
    }
    socket.send(Data::Binary(&bytes(what["binary"].as_str().unwrap())))
}

fn send_parts(socket: &dyn Socket, what: &Value) -> Result<(), Error> {
    let mut message = socket.fragments(what["text"].as_bool());
    for part in list(&what["parts"]) {
        match part.as_str() {
            Some(text) => message.put(Data::Text(text))?,
            None => message.put(Data::Binary(&bytes(part["binary"].as_str().unwrap())))?,
        }
    }
    message.end()
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

/// The functions of the user, by their values, and how often each was called.
#[derive(Default)]
struct Functions(HashMap<&'static str, (Vec<Value>, usize)>);

impl Functions {
    /// Puts a function's mark where the scenario has a sequence.
    fn take(&mut self, name: &'static str, value: Option<&mut Value>) {
        if let Some(value) = value
            && let Some(items) = value["$sequence"].as_array()
        {
            self.0.insert(name, (items.clone(), 0));
            *value = json!({"$function": true});
        }
    }

    fn answer(&mut self, question: &Question) -> Result<Value, String> {
        let name = match question {
            Question::Url => "url",
            Question::Headers => "headers",
            Question::Protocols => "protocols",
            Question::HeartbeatMessage { .. } => "message",
            Question::Ready => "ready",
            Question::ShouldReconnect(_) => "should_reconnect",
        };
        let (items, calls) = self.0.get_mut(name).unwrap();
        let item = items[(*calls).min(items.len() - 1)].clone();
        *calls += 1;
        match item["$raise"].as_str() {
            Some(words) => Err(words.to_owned()),
            None => Ok(item),
        }
    }
}

/// The scenario with the server's address in its place; the script of the server stays as it is.
fn filled(scenario: &Value, places: &[(&str, String)]) -> Value {
    let mut scenario = scenario.clone();
    for (key, value) in scenario.as_object_mut().unwrap() {
        if key != "server" {
            fill(value, places);
        }
    }
    scenario
}

/// The expected events with each that has `times` so many times, `{i}` being its number.
fn one_by_one(expected: &[Value]) -> Value {
    let copies = |pattern: &Value| {
        let mut pattern = pattern.clone();
        let times = pattern.as_object_mut().and_then(|members| members.shift_remove("times")).map(|times| times.as_u64().unwrap());
        let numbered = move |number: u64| {
            let mut copy = pattern.clone();
            if times.is_some() {
                fill(&mut copy, &[("{i}", number.to_string())]);
            }
            copy
        };
        (0..times.unwrap_or(1)).map(numbered)
    };
    expected.iter().flat_map(copies).collect()
}

fn fill(value: &mut Value, places: &[(&str, String)]) {
    match value {
        Value::String(text) => *text = places.iter().fold(text.clone(), |text, (place, with)| text.replace(place, with)),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, places)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, places)),
        _ => {}
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.len() > 600 { format!("{}... ({} bytes)", text.chars().take(600).collect::<String>(), text.len()) } else { text }
}
