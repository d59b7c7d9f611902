//! Events of a timeline, parsed again.

use brig_runtime::timeline::{Actor, Nature, Phase, Spent};
use serde_json::Value;

use super::*;

pub(crate) fn phase(actor: Actor, name: &'static str, nature: Nature, began: u64, took: u64) -> Phase {
    let pid = if actor == Actor::Parent { 7 } else { 8 };
    let spent = Spent {
        cpu: Duration::from_nanos(took / 2),
        queued: None,
        blocked: Duration::from_nanos(took - took / 2),
        voluntary: 1,
        involuntary: 0,
        minor: 3,
        major: 0,
    };
    Phase {
        actor,
        pid,
        thread: pid,
        name,
        step: None,
        subject: None,
        json_path: None,
        nature,
        began: Duration::from_nanos(began),
        took: Duration::from_nanos(took),
        spent: Some(spent),
    }
}

fn array(text: &str) -> Vec<Value> {
    let whole = format!("{BEGIN}{text}{END}");
    serde_json::from_str(&whole).unwrap_or_else(|error| panic!("{error}: {whole}"))
}

#[test]
fn phases_are_complete_events_below_one_of_their_process() {
    let mut mounted = phase(Actor::Init, "mount", Nature::Work, 2_500, 1_000);
    mounted.subject = Some("/data \"x\"".to_owned());
    mounted.json_path = Some("mounts[3]".to_owned());
    let phases = [phase(Actor::Parent, "plan", Nature::Work, 1_001, 3_000), mounted];
    let events = array(&events("run c1", &phases, None));
    let kinds: Vec<&str> = events.iter().map(|event| event["ph"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["M", "M", "M", "X", "M", "M", "M", "X", "X", "X"]);
    assert_eq!(events[0]["args"]["name"], "brig run c1");
    assert_eq!(events[4]["args"]["name"], "brig-init of brig run c1");
    assert_eq!((&events[8]["ts"], &events[8]["dur"]), (&json!(1.001), &json!(3.0)));
    assert_eq!(events[9]["name"], "mount /data \"x\"");
    assert_eq!((&events[9]["pid"], &events[9]["args"]["config"]), (&json!(8), &json!("mounts[3]")));
    assert_eq!((&events[9]["args"]["cpu_us"], &events[9]["args"]["queued_us"]), (&json!(0.5), &Value::Null));
}

#[test]
fn tracks_stand_in_the_order_in_which_processes_began() {
    let phases = [
        phase(Actor::Init, "find the executable", Nature::Work, 2_000, 500),
        phase(Actor::Parent, "wait for brig-init", Nature::Wait, 2_000_000, 1_000),
        phase(Actor::Parent, "plan", Nature::Work, 1_000, 500),
    ];
    let events = array(&events("exec c1", &phases, None));
    let indices = events.iter().filter(|event| event["name"] == "process_sort_index");
    let indices: Vec<_> = indices.map(|event| (&event["pid"], &event["args"]["sort_index"])).collect();
    assert_eq!(indices, [(&json!(8), &json!(2)), (&json!(7), &json!(1))]);
}

#[test]
fn a_failure_is_where_the_command_ended() {
    let phases = [phase(Actor::Parent, "plan", Nature::Work, 1_000, 3_000)];
    let events = array(&events("create c1", &phases, Some("no such file")));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["ph"], &last["ts"], &last["args"]["message"]),
        (&json!("i"), &json!(4.0), &json!("no such file"))
    );
}

#[test]
fn an_uptime_of_a_year_keeps_its_microseconds() {
    let year = 365 * 86_400 * 1_000_000_000_u64;
    assert_eq!(micros(Duration::from_nanos(year + 1_500)), json!(31_536_000_000_001.5));
}
