//! `linux.intelRdt`: class, schemata, monitoring group.

use brig_plan::host::{Host, Resctrl};
use brig_plan::intel_rdt::update;
use brig_plan::plan::{Class, IntelRdtPlan};

use crate::{host, options, planned, planned_on};

fn all() -> Resctrl {
    Resctrl { mount: "/sys/fs/resctrl".to_owned(), cache: true, bandwidth: true, monitoring: true }
}

fn section(members: &str) -> String {
    format!(r#""linux":{{"intelRdt":{{{members}}}}}"#)
}

fn rdt(members: &str) -> IntelRdtPlan {
    let host = Host { resctrl: Some(all()), ..host() };
    planned_on(&host, &options(), &section(members)).unwrap().intel_rdt.unwrap()
}

fn refused_on(resctrl: Option<Resctrl>, members: &str) -> String {
    planned_on(&Host { resctrl, ..host() }, &options(), &section(members)).unwrap_err().to_string()
}

#[test]
fn without_intel_rdt_nothing_is_touched() {
    let nothing = r#""linux":{}"#;
    assert_eq!(planned(nothing).intel_rdt, None);
    let host = Host { resctrl: Some(all()), ..host() };
    assert_eq!(planned_on(&host, &options(), nothing).unwrap().intel_rdt, None);
}

#[test]
fn the_class_follows_from_clos_id_and_schemata() {
    let own = || Class::Own("c".to_owned());
    let named = || "gold".to_owned();
    let table = [
        ("", own()),
        (r#""l3CacheSchema":"L3:0=f""#, own()),
        (r#""closID":"gold""#, Class::Existing(named())),
        (r#""closID":"gold","enableMonitoring":true"#, Class::Existing(named())),
        (r#""closID":"gold","l3CacheSchema":"L3:0=f""#, Class::Shared(named())),
        (r#""closID":"gold","memBwSchema":"MB:0=20""#, Class::Shared(named())),
        (r#""closID":"gold","schemata":["L2:0=f"]"#, Class::Shared(named())),
        (r#""closID":"/""#, Class::Root),
        (r#""closID":"/","schemata":["L2:0=f"]"#, Class::Root),
    ];
    for (members, class) in table {
        assert_eq!(rdt(members).class, class, "{members}");
    }
}

#[test]
fn all_schemata_are_one_text_and_every_line_ends() {
    let table = [
        (r#""closID":"gold""#, ""),
        (r#""l3CacheSchema":"L3:0=f""#, "L3:0=f\n"),
        (r#""memBwSchema":"MB:0=20","l3CacheSchema":"L3:0=f""#, "L3:0=f\nMB:0=20\n"),
        (r#""l3CacheSchema":"L3:0=f","schemata":["L2:0=3","SMBA:0=9"]"#, "L3:0=f\nL2:0=3\nSMBA:0=9\n"),
        (r#""l3CacheSchema":"L3CODE:0=f\nL3DATA:0=3\n""#, "L3CODE:0=f\nL3DATA:0=3\n"),
        (r#""schemata":["nonsense",""]"#, "nonsense\n"),
    ];
    for (members, lines) in table {
        assert_eq!(rdt(members).schemata, lines, "{members}");
    }
}

#[test]
fn what_a_later_schema_says_of_a_domain_is_left_out_of_the_earlier() {
    let table = [
        (r#""l3CacheSchema":"L3:0=f;1=3","schemata":["L3:0=1"]"#, "L3:1=3\nL3:0=1\n"),
        (r#""l3CacheSchema":"L3:0=f","schemata":[" L3 : 00 = 1"]"#, " L3 : 00 = 1\n"),
        (r#""l3CacheSchema":"L3:0=f;","schemata":["L3:0=1"]"#, "L3:0=1\n"),
        (r#""l3CacheSchema":"L3:0=f\nMB:0=9;1=9","memBwSchema":"MB:0=20""#, "L3:0=f\nMB:1=9\nMB:0=20\n"),
        (r#""memBwSchema":"MB:0=20","schemata":["MB:0=30","L2:0=1"]"#, "MB:0=30\nL2:0=1\n"),
        // Twice in one member is the kernel's to refuse.
        (r#""schemata":["L3:0=1","L3:0=2"]"#, "L3:0=1\nL3:0=2\n"),
        (r#""l3CacheSchema":"L3:x","schemata":["L3:0=1"]"#, "L3:x\nL3:0=1\n"),
        (r#""l3CacheSchema":"L3:","schemata":["L2:0=1"]"#, "L3:\nL2:0=1\n"),
    ];
    for (members, lines) in table {
        assert_eq!(rdt(members).schemata, lines, "{members}");
    }
}

#[test]
fn a_monitoring_group_has_the_name_of_the_container() {
    assert_eq!(rdt(r#""enableMonitoring":true,"closID":"gold""#).monitoring.as_deref(), Some("c"));
    assert_eq!(rdt(r#""enableMonitoring":false"#).monitoring, None);
}

#[test]
fn what_the_machine_does_not_have_is_refused_with_its_path() {
    let none = Resctrl { cache: false, bandwidth: false, monitoring: false, ..all() };
    let table = [
        (None, "", "intelRdt is specified in config, but Intel RDT is not enabled (linux.intelRdt)"),
        (
            Some(none.clone()),
            r#""l3CacheSchema":"L3:0=f""#,
            "intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled (linux.intelRdt.l3CacheSchema)",
        ),
        (
            Some(none.clone()),
            r#""memBwSchema":"MB:0=9""#,
            "intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled (linux.intelRdt.memBwSchema)",
        ),
        (
            Some(none),
            r#""enableMonitoring":true"#,
            "intelRdt.enableMonitoring is specified in config, but Intel RDT/CMT and MBM is not enabled (linux.intelRdt.enableMonitoring)",
        ),
        (
            Some(all()),
            r#""closID":"info""#,
            "linux.intelRdt.closID: \"info\" is a directory of resctrl itself, and can be no class of service",
        ),
        (Some(all()), r#""closID":"a\nb""#, "linux.intelRdt.closID: contains a newline"),
    ];
    for (resctrl, members, words) in table {
        assert_eq!(refused_on(resctrl, members), words);
    }
    let id = brig_plan::options::Options { id: "mon_groups", ..options() };
    let host = Host { resctrl: Some(all()), ..host() };
    let error = planned_on(&host, &id, &section("")).unwrap_err().to_string();
    assert!(error.starts_with("linux.intelRdt: \"mon_groups\" is a directory of resctrl"), "{error}");
}

#[test]
fn an_update_says_only_what_was_given() {
    assert_eq!(update("L3:0=1", "", Some(&all()), Some("gold")).unwrap(), "L3:0=1\n");
    assert_eq!(update("", "MB:0=20", Some(&all()), Some("gold")).unwrap(), "MB:0=20\n");
    assert_eq!(update("L3:0=1", "MB:0=20", Some(&all()), Some("gold")).unwrap(), "L3:0=1\nMB:0=20\n");
    let two = update("L3:0=1\nMB:0=9", "", Some(&all()), Some("gold")).unwrap_err().to_string();
    assert_eq!(two, "--l3-cache-schema: is more than one line");
    let none = Resctrl { cache: false, bandwidth: false, ..all() };
    let cache = update("L3:0=1", "", Some(&none), None).unwrap_err();
    assert_eq!(cache.message(), "Intel RDT/CAT: l3 cache schema is not enabled");
    let bandwidth = update("", "MB:0=1", Some(&none), None).unwrap_err();
    assert_eq!(bandwidth.message(), "Intel RDT/MBA: memory bandwidth schema is not enabled");
    assert_eq!(update("L3:0=1", "", None, Some("gold")).unwrap_err(), cache);
    let classless = update("L3:0=1", "", Some(&all()), None).unwrap_err();
    assert_eq!(classless.message(), "updating a non-existent Intel RDT configuration is not supported");
}

#[test]
fn explain_names_class_schemata_and_monitoring_group() {
    let host = Host { resctrl: Some(all()), ..host() };
    let members = r#""l3CacheSchema":"L3:0=f","memBwSchema":"MB:0=20","enableMonitoring":true"#;
    let text = planned_on(&host, &options(), &section(members)).unwrap().explain();
    for line in [
        "class of service: c, made if it is missing (/sys/fs/resctrl) *",
        "schemata: L3:0=f, MB:0=20\n",
        "monitoring group: c\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
