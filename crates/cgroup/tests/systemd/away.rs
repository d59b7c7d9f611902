//! A systemd that goes away, does not come, or does not listen.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{connect, fake, job, late, patience, place, removed, server, start, start_until};
use crate::fake_systemd::{FakeSystemd, Said};
use brig_cgroup::{Manager, Peer, Unit};
use brig_dbus::{Property, Value};

const NO_REPLY: Said = Said::Error(
    "org.freedesktop.DBus.Error.NoReply",
    "Message recipient disconnected from message bus without replying",
);

const SPAWN: Said = Said::Error("org.freedesktop.DBus.Error.Spawn.ChildExited", "status 1");

const EXISTS: Said = Said::Error("org.freedesktop.systemd1.UnitExists", "there");

fn text(words: &str) -> Said {
    Said::Return(vec![Value::Variant(Box::new(Value::text(words)))])
}

/// The first answers are these; then a start succeeds.
fn away(first: Vec<Vec<Said>>) -> FakeSystemd {
    let mut first = first.into_iter();
    fake(move |heard| match heard.member.as_str() {
        "StartTransientUnit" => first.next().unwrap_or_else(|| vec![job(), removed("done")]),
        _ => vec![text("active")],
    })
}

#[test]
fn a_systemd_that_goes_away_before_it_started_the_unit_is_asked_again() {
    for first in [
        vec![vec![Said::Close]],
        vec![vec![NO_REPLY]],
        vec![vec![NO_REPLY], vec![SPAWN], vec![SPAWN]],
        vec![vec![job(), Said::Close], vec![Said::Close]],
    ] {
        let asks = first.len() + 1;
        let one = away(first);
        start(&one, &[]).unwrap();
        assert_eq!(one.members(), vec!["StartTransientUnit"; asks]);
    }
    let never_there = away(vec![vec![SPAWN]]);
    assert!(start(&never_there, &[]).unwrap_err().to_string().contains("Spawn"), "no systemd on this bus");
    assert_eq!(never_there.members(), ["StartTransientUnit"]);
}

#[test]
fn a_unit_that_is_there_on_the_second_ask_and_without_our_process_is_left_alone() {
    let one = away(vec![vec![Said::Close], vec![EXISTS], vec![EXISTS]]);
    assert_eq!(start(&one, &[]).unwrap_err().name(), Some("org.freedesktop.systemd1.UnitExists"));
    let calls = ["StartTransientUnit", "StartTransientUnit", "Get", "ResetFailedUnit", "StartTransientUnit"];
    assert_eq!(one.members(), calls);
}

#[test]
fn a_systemd_that_leaves_the_bus_while_its_job_is_waited_for_is_asked_again() {
    let one = away(vec![vec![job(), Said::Left]]);
    start(&one, &[]).unwrap();
    assert_eq!(one.members(), ["StartTransientUnit"; 2]);
}

#[test]
fn whatever_was_asked_of_a_systemd_that_went_away_is_asked_again() {
    for gone in [Said::Close, NO_REPLY] {
        let mut calls = 0;
        let one = fake(move |heard| {
            calls += 1;
            match heard.member.as_str() {
                _ if calls == 1 => vec![gone.clone()],
                "StopUnit" => vec![job(), removed("done")],
                "Get" => vec![text("257")],
                _ => vec![Said::Return(vec![])],
            }
        });
        connect(&one).stop("brig-c.scope").unwrap();
        let stops = one.members().iter().filter(|member| *member == "StopUnit").count();
        assert_eq!(stops, 2);
    }
    let once = |gone: Said| {
        let mut calls = 0;
        fake(move |_| {
            calls += 1;
            if calls == 1 { vec![gone.clone()] } else { vec![Said::Return(vec![])] }
        })
    };
    let one = once(NO_REPLY);
    connect(&one).set_properties("u.scope", &[Property::new("TasksMax", Value::U64(7))]).unwrap();
    assert_eq!(one.members().iter().filter(|member| *member == "SetUnitProperties").count(), 2);
    let one = once(Said::Close);
    connect(&one).attach("u.scope", &[7]).unwrap();
    assert_eq!(one.members().iter().filter(|member| *member == "AttachProcessesToUnit").count(), 2);
}

#[test]
fn a_systemd_that_never_comes_back_is_waited_for_until_the_deadline() {
    let soon = || Instant::now() + Duration::from_millis(200) * patience();
    let one = fake(|_| vec![Said::Close]);
    let error = start_until(&one, soon()).unwrap_err().to_string();
    // The deadline may pass while it hangs up.
    assert!(
        error.starts_with("unable to start unit \"brig-c.scope\": timeout waiting for systemd"),
        "{error}"
    );
    let mut manager = Manager::connect(&[server(one.socket(), Peer::Systemd)], soon()).unwrap();
    drop(one);
    let error = manager.stop("brig-c.scope").unwrap_err();
    assert!(!error.is_unreachable());
    let words = "unable to stop unit \"brig-c.scope\": timeout waiting for systemd to come back: systemd cannot be reached: ";
    assert!(error.to_string().starts_with(words), "{error}");
}

#[test]
fn a_systemd_whose_socket_is_there_and_not_yet_listened_on_is_waited_for() {
    let socket = place();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let servers = [server(&socket, Peer::Systemd)];
    let soon = Instant::now() + Duration::from_millis(100) * patience();
    assert!(Manager::connect(&servers, soon).unwrap_err().is_unreachable());
    assert!(Instant::now() >= soon);
    let path = socket.clone();
    let starter = std::thread::spawn(move || {
        std::fs::remove_file(&path).unwrap();
        FakeSystemd::new(&path, |_| vec![job(), removed("done")])
    });
    let connected = loop {
        // Between the two sockets of a real one there is nothing at all for a moment.
        match Manager::connect(&servers, late()) {
            Ok(manager) => break manager,
            Err(error) => assert!(error.is_unreachable(), "{error}"),
        }
    };
    connected.start(Unit { name: "u.scope", properties: &[], pids: &[1] }).unwrap().finish().unwrap();
    drop(starter.join().unwrap());
}

#[test]
fn a_server_that_does_not_want_us_says_so() {
    let socket = place();
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let server_side = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        std::io::Write::write_all(&mut stream, b"REJECTED EXTERNAL\r\n").unwrap();
    });
    let unit = Unit { name: "u.scope", properties: &[], pids: &[1] };
    let servers = [server(&socket, Peer::Systemd)];
    let error = Manager::connect(&servers, late()).unwrap().start(unit).unwrap().finish().unwrap_err();
    std::fs::remove_file(&socket).unwrap();
    server_side.join().unwrap();
    assert_eq!(error.to_string(), "unable to start unit \"u.scope\": systemd does not talk to this user");
}

#[test]
fn where_nobody_listens_every_place_is_named() {
    let dead = place();
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let servers = [server(Path::new("/nonexistent/bus"), Peer::Systemd), server(&dead, Peer::Bus)];
    let error = Manager::connect(&servers, late()).unwrap_err();
    std::fs::remove_file(&dead).unwrap();
    assert!(error.is_unreachable());
    let text = error.to_string();
    assert!(
        text.contains("systemd cannot be reached: /nonexistent/bus: no such file or directory (ENOENT); "),
        "{text}"
    );
    assert!(text.contains("connection refused"), "{text}");
    let none = Manager::connect(&[], late()).unwrap_err().to_string();
    assert!(none.ends_with("no bus: neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS is set"), "{none}");
}

#[test]
fn the_next_server_is_taken_where_one_is_missing() {
    let fake = fake(|_| vec![Said::Return(vec![Value::Variant(Box::new(Value::text("257.1")))])]);
    let servers =
        [server(Path::new("/nonexistent/bus"), Peer::Systemd), server(fake.socket(), Peer::Systemd)];
    assert_eq!(Manager::connect(&servers, late()).unwrap().version().unwrap(), 257);
}
