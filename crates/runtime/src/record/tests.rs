//! What is promised of the record, whatever its bytes are. Also records for the tests of other modules.

use brig_handshake::process::{Affinity, Process};
use brig_handshake::wire;
use brig_plan::plan::{Annotation, Limits, Setgroups};

use super::*;

use crate::error::Kind;
use crate::store::tests::{Scratch, id};

pub(crate) fn text(text: &str) -> Text<'static> {
    wire::text(text).unwrap()
}

pub(crate) fn facts() -> StateFacts<'static> {
    let annotation = |key, value| Annotation { key: text(key), value: text(value) };
    StateFacts {
        id: text("a"),
        bundle: text("/b"),
        rootfs: text("/b/rootfs"),
        annotations: vec![annotation("k", "v"), annotation("k2", "v2")],
    }
}

pub(crate) fn record(init: Identity) -> Record<'static> {
    Record {
        facts: facts(),
        created: Timestamp { secs: 1_795_290_083, nanos: 120_000_000 },
        init,
        cgroup: Vec::new(),
        unit: None,
        resources: Resources::default(),
        intel_rdt: None,
        network: HostSide { veths: Vec::new(), bridges: Vec::new() },
        owner: 0,
        pid_namespace: PidNamespace::Private,
        namespaces: 0x2000_0000,
        gate: Gate::None,
        poststart: Vec::new(),
        poststop: Vec::new(),
        id_maps: None,
        rootless_cgroups: false,
        outside: Outside {
            mounts: vec![text("/etc/hosts")],
            masked: Vec::new(),
            joined: 0,
            pipes: vec![0, 1, 2],
        },
    }
}

pub(crate) fn intent(creator: Identity) -> Intent<'static> {
    Intent {
        id: text("a"),
        bundle: text("/b"),
        cgroup: Vec::new(),
        intel_rdt: None,
        network: HostSide { veths: Vec::new(), bridges: Vec::new() },
        unit: None,
        created: Timestamp { secs: 1, nanos: 0 },
        creator,
        owner: 7,
    }
}

pub(crate) fn template() -> ExecTemplate<'static> {
    let affinity = || Affinity { initial: Cow::Borrowed(&[]), last: Cow::Borrowed(&[3]) };
    ExecTemplate {
        limits_by_parent: false,
        process: Process {
            rlimits: Vec::new(),
            limits_by_parent: false,
            args: vec![text("sh")],
            env: vec![text("A=b")],
            search: vec![text("/bin")],
            find_home: true,
            cwd: text("/"),
            umask: Some(0o22),
            uid: 0,
            gid: 0,
            groups: Some(vec![1, 2]),
            capabilities: None,
            no_new_privileges: true,
            terminal: None,
            scheduler: None,
            io_priority: None,
            personality: None,
            memory_policy: None,
            affinity: affinity(),
            apparmor_profile: None,
            selinux_label: None,
            seccomp: None,
        },
        limits: Limits { rlimits: Vec::new(), oom_score_adj: Some(-5) },
        namespaces: 0x2000_0000,
        keyring: None,
        ambient_allowed: false,
        setgroups: Setgroups::Allowed,
        affinity: affinity(),
        last_capability: 40,
        listener: None,
    }
}

fn somebody() -> Identity {
    Identity { pid: 42, start_time: 4242 }
}

fn rich() -> Record<'static> {
    let bytes = |text: &'static str| Cow::Borrowed(text.as_bytes());
    let hook =
        ParentHook { path: text("/h"), args: vec![text("h")], env: Some(Vec::new()), timeout: Some(1) };
    Record {
        cgroup: vec![CgroupPlace {
            controllers: vec![bytes("cpu"), bytes("cpuacct")],
            mount: bytes("/sys/fs/cgroup/cpu"),
            below: bytes("a/b"),
        }],
        poststop: vec![hook],
        ..record(somebody())
    }
}

fn whole_file() -> Vec<u8> {
    file(&encode(&Stage::Ready(rich())), &encode(&template()), b"filter").unwrap()
}

/// All that a reader does with the bytes of a file.
fn read_all(bytes: &[u8]) -> Result<(Record<'static>, u32)> {
    let file = RecordFile::new(bytes.to_vec(), Part::Whole)?;
    let namespaces = file.exec_template()?.namespaces;
    if file.ready()? == rich() && file.filter()?.len() == 6 {
        Ok((rich(), namespaces))
    } else {
        Err(Error::record("another one"))
    }
}

#[test]
fn what_is_written_is_read() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    assert!(place.record(Part::Head).unwrap().is_none());
    place.write_intent(&intent(somebody())).unwrap();
    let file = place.record(Part::Head).unwrap().unwrap();
    assert_eq!(file.stage().unwrap(), Stage::Intent(intent(somebody())));
    assert_eq!(file.ready().unwrap_err().to_string(), "container not running");
    place.write_record(&rich(), &template(), b"filter").unwrap();
    let (_, file) = scratch.store().load(&id("a"), Part::Whole).unwrap();
    assert_eq!(file.ready().unwrap(), rich());
    assert_eq!(file.exec_template().unwrap(), template());
    assert_eq!(file.filter().unwrap(), b"filter");
    assert_eq!(file.stage().unwrap().cgroup(), rich().cgroup);
}

#[test]
fn heads_and_templates_of_any_length_are_read() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    for length in [0, 5_000, 8_150, 8_192, 70_000, 1_000_000] {
        let mut record = rich();
        record.facts.annotations[0].value = text(&"x".repeat(length));
        let mut template = template();
        template.process.args[0] = text(&"y".repeat(length));
        let filter = vec![b'z'; length];
        place.write_record(&record, &template, &filter).unwrap();
        assert_eq!(place.record(Part::Head).unwrap().unwrap().ready().unwrap(), record);
        let file = place.record(Part::Whole).unwrap().unwrap();
        assert_eq!((file.ready().unwrap(), file.exec_template().unwrap()), (record, template));
        assert_eq!(file.filter().unwrap(), filter);
    }
}

#[test]
fn a_record_cut_short_anywhere_is_an_error() {
    let whole = whole_file();
    assert_eq!(read_all(&whole).unwrap().1, 0x2000_0000);
    for length in 0..whole.len() {
        let error = read_all(&whole[..length]).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (&Kind::Record, "record: cut short"),
            "{length}"
        );
    }
}

#[test]
fn no_changed_byte_makes_reading_panic() {
    let whole = whole_file();
    for place in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, whole[place] ^ 1] {
            let mut changed = whole.clone();
            changed[place] = value;
            if let Err(error) = read_all(&changed) {
                assert!(matches!(error.kind(), Kind::Record | Kind::WrongStatus), "{error}");
            }
        }
    }
}

#[test]
fn garbage_and_other_versions_are_named() {
    let read = |bytes: &[u8]| RecordFile::new(bytes.to_vec(), Part::Head).unwrap_err().to_string();
    assert_eq!(read(b"{\"id\":1}"), "record: not a record of brig");
    assert_eq!(read(b""), "record: cut short");
    let mut other = whole_file();
    other[4] = 9;
    assert_eq!(read(&other), format!("record: of version 9, while this brig reads version {VERSION}"));
    let mut longer = whole_file();
    longer[6..18].fill(0xff);
    assert_eq!(read(&longer), "record: cut short");
}

#[test]
fn the_groups_of_resctrl_come_back_as_they_were() {
    let bytes = |text: &'static str| Cow::Borrowed(text.as_bytes());
    let rdt = IntelRdt {
        mount: bytes("/sys/fs/resctrl"),
        class: bytes("gold"),
        monitoring: Some(bytes("gold/mon_groups/a")),
        made: vec![bytes("gold"), bytes("gold/mon_groups/a")],
    };
    let whole = Record { intel_rdt: Some(rdt.clone()), ..record(Identity { pid: 1, start_time: 2 }) };
    assert_eq!(decode::<Record<'_>>(&encode(&whole)).unwrap(), whole);
    let begun = Intent { intel_rdt: Some(rdt), ..intent(Identity { pid: 1, start_time: 2 }) };
    assert_eq!(decode::<Intent<'_>>(&encode(&begun)).unwrap(), begun);
}

#[test]
fn cgroup_paths_come_back_as_they_were() {
    let place = |controllers: &[&str], below: &str| brig_cgroup::Place {
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        mount: "/sys/fs/cgroup".to_owned(),
        below: below.to_owned(),
    };
    let all = brig_cgroup::Paths { places: vec![place(&[], "a/b"), place(&["cpu", "cpuacct"], "\u{e4}")] };
    assert_eq!(paths(&keep_paths(&all)), all);
}

#[test]
fn moments_are_written_as_go_does() {
    let cases = [
        (0, 0, "1970-01-01T00:00:00Z"),
        (951_826_154, 1, "2000-02-29T12:09:14.000000001Z"),
        (1_795_290_083, 120_000_000, "2026-11-21T19:41:23.12Z"),
        (1_735_689_599, 999_999_999, "2024-12-31T23:59:59.999999999Z"),
        (-1, 0, "1969-12-31T23:59:59Z"),
        (4_107_542_400, 0, "2100-03-01T00:00:00Z"),
    ];
    for (secs, nanos, want) in cases {
        assert_eq!(Timestamp { secs, nanos }.to_string(), want);
    }
    // Nothing that a tampered record says may panic.
    for secs in [i64::MIN, i64::MAX] {
        assert!(!Timestamp { secs, nanos: u32::MAX }.to_string().is_empty());
    }
}

#[test]
fn what_a_dead_creator_prepared_counts_while_its_process_lives() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    let alive = record(Identity::of_self().unwrap());
    let stage =
        || place.record(Part::Head).unwrap().unwrap().stage().map(|stage| matches!(stage, Stage::Ready(_)));
    place.write_intent(&intent(somebody())).unwrap();
    assert_eq!(stage(), Ok(false), "nothing was prepared");
    place.prepare_record(&record(somebody()), &template(), &[]).unwrap();
    assert_eq!(stage(), Ok(false), "its process is dead, too");
    std::fs::write(place.path().join(".record.new"), "brig").unwrap();
    assert_eq!(stage(), Ok(false), "it was killed while it wrote");
    place.prepare_record(&alive, &template(), &[]).unwrap();
    assert_eq!(stage(), Ok(true));
    assert!(!place.path().join(".record.new").exists(), "it is in place from now on");
}

#[test]
fn what_a_creator_at_work_has_prepared_does_not_count_yet() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    place.write_intent(&intent(Identity::of_self().unwrap())).unwrap();
    place.prepare_record(&record(Identity::of_self().unwrap()), &template(), &[]).unwrap();
    let seen = scratch.store().find(&id("a")).unwrap();
    assert!(matches!(seen.record(Part::Head).unwrap().unwrap().stage(), Ok(Stage::Intent(_))));
}
