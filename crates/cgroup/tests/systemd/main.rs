//! Talking to systemd: what is said, and what becomes of answers that are late, wrong or hostile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its preparation fails")]

#[path = "../common/fake_systemd.rs"]
mod fake_systemd;

mod away;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use brig_cgroup::{Failure, Manager, Peer, Server, Socket, SystemdError, Unit};
use brig_dbus::{Property, Value};
use fake_systemd::{FakeSystemd, Heard, Said, job_removed};

/// A place for a socket that no other test has.
fn place() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("brig-bus-{}-{number}", std::process::id()))
}

fn fake(answer: impl FnMut(&Heard) -> Vec<Said> + Send + 'static) -> FakeSystemd {
    FakeSystemd::new(&place(), answer)
}

fn server(socket: &Path, peer: Peer) -> Server {
    Server { socket: Socket::Path(socket.to_str().unwrap().to_owned()), peer }
}

fn late() -> Instant {
    Instant::now() + Duration::from_secs(20) * patience()
}

/// How many times longer everything takes here.
fn patience() -> u32 {
    std::env::var("BRIG_TEST_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn connect(fake: &FakeSystemd) -> Manager {
    Manager::connect(&[server(fake.socket(), Peer::Systemd)], late()).unwrap()
}

const JOB: &str = "/org/freedesktop/systemd1/job/5";

fn job() -> Said {
    Said::Return(vec![Value::Path(JOB.into())])
}

fn removed(result: &str) -> Said {
    Said::JobRemoved(JOB.into(), result.into())
}

fn start(fake: &FakeSystemd, properties: &[Property]) -> Result<(), SystemdError> {
    let unit = Unit { name: "brig-c.scope", properties, pids: &[42] };
    connect(fake).start(unit)?.finish().map(drop)
}

fn start_until(fake: &FakeSystemd, deadline: Instant) -> Result<(), SystemdError> {
    let unit = Unit { name: "brig-c.scope", properties: &[], pids: &[42] };
    Manager::connect(&[server(fake.socket(), Peer::Systemd)], deadline)?.start(unit)?.finish().map(drop)
}

fn property(name: &str, value: Value) -> Value {
    Value::Struct(vec![Value::text(name), Value::Variant(Box::new(value))])
}

fn sent_names(heard: &Heard) -> Vec<String> {
    let mut names = Vec::new();
    for value in &heard.values {
        if let Value::Array(_, items) = value {
            for item in items {
                let Value::Struct(pair) = item else { panic!("{item:?}") };
                names.push(pair[0].as_text().unwrap().to_owned());
            }
        }
    }
    names
}

#[test]
fn a_unit_is_started_with_one_round_trip_and_all_its_properties() {
    // The fake one says nothing at all before the call is there.
    let fake = fake(|_| vec![job(), removed("done")]);
    start(&fake, &[Property::new("TasksMax", Value::U64(7)), Property::since(999, "New", Value::Bool(true))])
        .unwrap();
    let want = Heard {
        member: "StartTransientUnit".into(),
        values: vec![
            Value::text("brig-c.scope"),
            Value::text("replace"),
            Value::Array(
                "(sv)".into(),
                vec![
                    property("PIDs", Value::Array("u".into(), vec![Value::U32(42)])),
                    property("TasksMax", Value::U64(7)),
                    property("New", Value::Bool(true)),
                ],
            ),
            Value::Array("(sa(sv))".into(), vec![]),
        ],
    };
    assert_eq!(fake.heard(), [want]);
}

#[test]
fn over_a_bus_the_greeting_and_the_match_go_out_with_the_call() {
    let fake = fake(|heard| match heard.member.as_str() {
        "Hello" => vec![Said::Return(vec![Value::text(":1.7")])],
        "AddMatch" => vec![Said::Return(vec![])],
        _ => vec![job(), removed("done")],
    });
    let unit = Unit { name: "brig-c.scope", properties: &[], pids: &[1] };
    let manager = Manager::connect(&[server(fake.socket(), Peer::Bus)], late()).unwrap();
    manager.start(unit).unwrap().finish().unwrap();
    assert_eq!(fake.members(), ["Hello", "AddMatch", "AddMatch", "StartTransientUnit"]);
}

#[test]
fn only_the_end_of_our_own_job_counts_also_when_it_comes_first() {
    let other = |result: &str| Said::JobRemoved("/org/freedesktop/systemd1/job/50".into(), result.into());
    let fake =
        fake(move |_| vec![other("failed"), removed("done"), other("timeout"), job(), other("failed")]);
    start(&fake, &[]).unwrap();
}

#[test]
fn a_job_that_does_not_end_well_is_told_in_runc_s_words() {
    let fake = fake(|_| vec![job(), removed("failed")]);
    let error = start(&fake, &[]).unwrap_err();
    assert_eq!(error.to_string(), "error creating systemd unit `brig-c.scope`: got `failed`");
}

#[test]
fn a_leftover_unit_is_forgotten_and_the_start_tried_once_more() {
    let exists = Said::Error("org.freedesktop.systemd1.UnitExists", "Unit brig-c.scope already exists.");
    let mut attempts = 0;
    let leftover = exists.clone();
    let one = fake(move |heard| {
        if heard.member == "ResetFailedUnit" {
            return vec![Said::Return(vec![])];
        }
        attempts += 1;
        if attempts == 1 { vec![leftover.clone()] } else { vec![job(), removed("done")] }
    });
    start(&one, &[]).unwrap();
    assert_eq!(one.members(), ["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"]);

    let alive = fake(move |heard| match heard.member.as_str() {
        "ResetFailedUnit" => vec![Said::Error("org.freedesktop.systemd1.NoSuchUnit", "not loaded")],
        _ => vec![exists.clone()],
    });
    let error = start(&alive, &[]).unwrap_err();
    assert_eq!(error.name(), Some("org.freedesktop.systemd1.UnitExists"));
    assert_eq!(
        error.to_string(),
        "unable to start unit \"brig-c.scope\": Unit brig-c.scope already exists. (org.freedesktop.systemd1.UnitExists)"
    );
    assert_eq!(alive.members(), ["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"]);
}

#[test]
fn a_slice_that_is_there_already_is_fine() {
    let fake = fake(|_| vec![Said::Error("org.freedesktop.systemd1.UnitExists", "there")]);
    let unit = Unit { name: "a.slice", properties: &[], pids: &[] };
    connect(&fake).start(unit).unwrap().finish().unwrap();
    assert_eq!(sent_names(&fake.heard()[0]), [""; 0]);
}

/// A systemd of version 243, which refuses what is newer.
fn old() -> FakeSystemd {
    fake(|heard| match heard.member.as_str() {
        "Get" => vec![Said::Return(vec![Value::Variant(Box::new(Value::text("243.1-x")))])],
        _ if sent_names(heard).iter().any(|name| name == "AllowedCPUs") => vec![Said::Error(
            "org.freedesktop.DBus.Error.PropertyReadOnly",
            "Cannot set property AllowedCPUs, or unknown property.",
        )],
        "SetUnitProperties" => vec![Said::Return(vec![])],
        _ => vec![job(), removed("done")],
    })
}

#[test]
fn a_systemd_that_is_too_old_for_a_property_gets_the_others() {
    let properties = [
        Property::new("TasksMax", Value::U64(7)),
        Property::since(244, "AllowedCPUs", Value::bytes(&[3])),
        Property::since(242, "CPUQuotaPeriodUSec", Value::U64(1000)),
    ];
    let one = old();
    start(&one, &properties).unwrap();
    assert_eq!(one.members(), ["StartTransientUnit", "Get", "StartTransientUnit"]);
    assert_eq!(sent_names(&one.heard()[2]), ["PIDs", "TasksMax", "CPUQuotaPeriodUSec"]);

    let one = old();
    connect(&one).set_properties("brig-c.scope", &properties).unwrap();
    assert_eq!(one.members(), ["SetUnitProperties", "Get", "SetUnitProperties"]);
    assert_eq!(sent_names(&one.heard()[2]), ["TasksMax", "CPUQuotaPeriodUSec"]);
}

#[test]
fn a_property_that_is_wrong_for_every_version_is_an_error() {
    let words = "Cannot set property Nonsense, or unknown property.";
    let fake = fake(move |heard| match heard.member.as_str() {
        "Get" => vec![Said::Return(vec![Value::Variant(Box::new(Value::text("257")))])],
        _ => vec![Said::Error("org.freedesktop.DBus.Error.PropertyReadOnly", words)],
    });
    let properties = [
        Property::new("Nonsense", Value::Bool(true)),
        Property::since(244, "AllowedCPUs", Value::bytes(&[3])),
    ];
    let error = start(&fake, &properties).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "unable to start unit \"brig-c.scope\": {words} (org.freedesktop.DBus.Error.PropertyReadOnly)"
        )
    );
    assert_eq!(fake.members(), ["StartTransientUnit", "Get"]);
}

#[test]
fn every_wait_has_a_deadline_that_says_what_was_waited_for() {
    let soon = || Instant::now() + Duration::from_millis(40) * patience();
    let words = |fake: &FakeSystemd| start_until(fake, soon()).unwrap_err().to_string();
    let silent = fake(|_| vec![]);
    assert_eq!(
        words(&silent),
        "unable to start unit \"brig-c.scope\": timeout waiting for systemd: an answer to StartTransientUnit"
    );
    let half = fake(|_| vec![job()]);
    assert_eq!(
        words(&half),
        "unable to start unit \"brig-c.scope\": timeout waiting for systemd: the end of the start job"
    );
    // A server that never stops talking about other things.
    let talker = fake(|_| {
        let noise = job_removed("/org/freedesktop/systemd1/job/9", "done");
        vec![Said::Bytes(noise.repeat(200_000))]
    });
    assert!(words(&talker).ends_with("timeout waiting for systemd: an answer to StartTransientUnit"));
}

#[test]
fn a_server_that_lies_is_told_apart() {
    let failure = |said: Vec<Said>| {
        let fake = fake(move |_| said.clone());
        start(&fake, &[]).unwrap_err().failure
    };
    assert_eq!(failure(vec![Said::Bytes(vec![0; 64])]), Failure::Malformed);
    assert_eq!(
        failure(vec![Said::Bytes(vec![b'l', 2, 1, 1, 255, 255, 255, 255, 0, 0, 0, 0, 255, 0, 0, 0])]),
        Failure::Malformed
    );
    assert_eq!(failure(vec![Said::Return(vec![])]), Failure::Malformed, "a reply without a job");
    assert_eq!(failure(vec![Said::Return(vec![Value::text("job")])]), Failure::Malformed);
}

#[test]
fn a_unit_is_stopped_and_forgotten_and_one_that_is_gone_is_fine() {
    let not_loaded = || Said::Error("org.freedesktop.systemd1.NoSuchUnit", "Unit brig-c.scope not loaded.");
    let gone = fake(move |_| vec![not_loaded()]);
    connect(&gone).stop("brig-c.scope").unwrap();
    assert_eq!(gone.members()[0], "StopUnit");

    let alive = fake(move |heard| match heard.member.as_str() {
        "StopUnit" => vec![job()],
        _ => vec![not_loaded(), removed("done")],
    });
    connect(&alive).stop("brig-c.scope").unwrap();

    let stuck = fake(|heard| match heard.member.as_str() {
        "StopUnit" => vec![job()],
        _ => vec![Said::Return(vec![]), removed("timeout")],
    });
    let error = connect(&stuck).stop("brig-c.scope").unwrap_err();
    assert_eq!(error.to_string(), "unable to stop unit \"brig-c.scope\": its job ended with \"timeout\"");
    assert_eq!(stuck.members(), ["StopUnit", "ResetFailedUnit", "ResetFailedUnit"]);
}

#[test]
fn a_process_is_attached_and_the_cgroup_of_systemd_is_asked_for() {
    let fake = fake(|heard| match heard.member.as_str() {
        "Get" => vec![Said::Return(vec![Value::Variant(Box::new(Value::text("/user.slice/x")))])],
        _ => vec![Said::Return(vec![])],
    });
    let mut manager = connect(&fake);
    manager.attach("brig-c.scope", &[7]).unwrap();
    assert_eq!(manager.control_group().unwrap(), "/user.slice/x");
    let want = [Value::text("brig-c.scope"), Value::text(""), Value::Array("u".into(), vec![Value::U32(7)])];
    assert_eq!(fake.heard()[0].values, want);
}

/// Seen on systemd 257, which reads 256 bytes at first and answers to nothing in them but the greeting.
#[test]
fn a_short_call_is_followed_by_another_so_that_systemd_hears_it() {
    let fake = fake(|heard| match heard.member.as_str() {
        "Get" => vec![Said::Return(vec![Value::Variant(Box::new(Value::text("257.1")))])],
        _ => vec![Said::Return(vec![])],
    });
    let mut manager = connect(&fake);
    assert_eq!(manager.version().unwrap(), 257);
    assert_eq!(manager.version().unwrap(), 257, "later calls are heard as they are");
    assert_eq!(fake.members(), ["Get", "Ping", "Get"]);
}

/// A dbus-daemon(1) of our own, in which no systemd is.
#[test]
fn a_real_bus_understands_what_is_said() {
    let socket = place();
    let address = format!("--address=unix:path={}", socket.display());
    let daemon = Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile", "--print-address", &address])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut daemon = match daemon {
        Ok(daemon) => daemon,
        Err(error) => {
            println!("SKIPPED: dbus-daemon: {error}");
            return;
        }
    };
    let mut first = [0];
    daemon.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let unit = Unit { name: "u.scope", properties: &[], pids: &[1] };
    let started =
        Manager::connect(&[server(&socket, Peer::Bus)], late()).unwrap().start(unit).unwrap().finish();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    drop(std::fs::remove_file(&socket));
    let error = started.unwrap_err();
    let names = [
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.Spawn.ChildExited",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
    ];
    assert!(error.name().is_some_and(|name| names.contains(&name) || name.starts_with("org.freedesktop.DBus.Error.Spawn")), "{error}");
}
