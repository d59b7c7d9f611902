//! Resources, and other sections of `linux`.

use super::{ROOT, judged, linux, table, top};
use brig_plan::load;
use brig_plan::rules::{self, CgroupRights, Facts};

#[test]
fn names_in_resources_cannot_become_other_files_or_lines() {
    table(
        |members| linux(&format!(r#""resources":{{{members}}}"#)),
        &ROOT,
        &[
            (
                r#""unified":{"a/b":""}"#,
                "unified resource \"a/b\" must be a file name (no slashes) (linux.resources.unified[\"a/b\"])",
            ),
            (r#""unified":{"..":""}"#, r#"linux.resources.unified[".."]: is not a file name"#),
            (r#""hugepageLimits":[{"pageSize":"64KB"},{"pagesize":"1GB"},{"pageSize":"2MB"}]"#, ""),
            (
                r#""hugepageLimits":[{"pageSize":"../2MB"}]"#,
                r#"linux.resources.hugepageLimits[0].pageSize: "../2MB" is not a page size like 2MB"#,
            ),
            (r#""rdma":{"a b":{}}"#, r#"linux.resources.rdma["a b"]: is not the name of a device"#),
            (r#""rdma":{"a":{}}"#, "warning: linux.resources.rdma.a: has neither hcaHandles nor hcaObjects"),
            (
                r#""blockIO":{"weightDevice":[{}]}"#,
                "warning: linux.resources.blockIO.weightDevice[0]: has neither weight nor leafWeight",
            ),
            (
                r#""network":{"priorities":[{"name":"a b"}]}"#,
                r#"linux.resources.network.priorities[0].name: "a b" is not the name of a network device"#,
            ),
        ],
    );
}

#[test]
fn resources_by_themselves_are_named_from_their_own_top() {
    let resources = load::resources(br#"{"devices":[{}]}"#).unwrap();
    assert_eq!(
        rules::check_resources(&resources, "").unwrap_err().to_string(),
        "device access at 0 field cannot be empty (devices[0].access)"
    );
}

#[test]
fn a_process_by_itself_is_named_from_its_own_top() {
    for (text, verdict) in [
        (r#"{"cwd":"/","args":["a"],"env":["B"]}"#, "invalid environment variable: missing '=' (env[0])"),
        (r#"{"cwd":"/","args":["a\u0000"]}"#, "args[0]: contains a NUL byte, at byte 1"),
        (r#"{"cwd":"/","args":["a"],"scheduler":{}}"#, "scheduler policy is required (scheduler.policy)"),
        (r#"{"args":["a"]}"#, "Cwd property must not be empty (cwd)"),
    ] {
        let process = load::process(text.as_bytes()).unwrap();
        assert_eq!(rules::check_process(&process, "").unwrap_err().to_string(), verdict);
    }
}

#[test]
fn words_of_linux_are_known() {
    table(
        linux,
        &ROOT,
        &[
            (r#""rootfsPropagation":"rslave""#, ""),
            (r#""rootfsPropagation":"x""#, "rootfsPropagation=x is not supported (linux.rootfsPropagation)"),
            (r#""personality":{"domain":"LINUX32"}"#, ""),
            (
                r#""personality":{"domain":"LINUX","flags":["F"]}"#,
                "warning: linux.personality.flags: no flag is defined: ignored",
            ),
            (
                r#""personality":{"domain":"FOO"}"#,
                "invalid personality domain FOO (linux.personality.domain)",
            ),
        ],
    );
}

#[test]
fn memory_policies_have_the_nodes_their_mode_wants() {
    table(
        |members| linux(&format!(r#""memoryPolicy":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES"]"#, ""),
            (r#""mode":"MPOL_PREFERRED""#, ""),
            (r#""mode":"X""#, r#"invalid memory policy mode "X" (linux.memoryPolicy.mode)"#),
            (
                r#""mode":"MPOL_BIND""#,
                "memory policy mode requires at least one node but got 0 (linux.memoryPolicy.nodes)",
            ),
            (
                r#""mode":"MPOL_LOCAL","nodes":"0-1""#,
                "memory policy mode requires 0 nodes but got 2 (linux.memoryPolicy.nodes)",
            ),
            (
                r#""mode":"MPOL_BIND","nodes":"1024""#,
                "invalid memory policy nodes \"1024\": values larger than 1023 are not supported \
                 (linux.memoryPolicy.nodes)",
            ),
            (
                r#""mode":"MPOL_BIND","nodes":"0","flags":["X"]"#,
                r#"invalid memory policy flag "X" (linux.memoryPolicy.flags[0])"#,
            ),
        ],
    );
}

#[test]
fn a_class_of_service_is_one_directory_and_a_schema_one_line() {
    table(
        |members| linux(&format!(r#""intelRdt":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""closID":"/""#, ""),
            (r#""closID":"a""#, ""),
            (r#""closID":"..""#, r#"invalid intelRdt.ClosID ".." (linux.intelRdt.closID)"#),
            (r#""closID":"a/b""#, r#"invalid intelRdt.ClosID "a/b" (linux.intelRdt.closID)"#),
            (r#""schemata":["L3:0=f","a\nb"]"#, "linux.intelRdt.schemata[1]: contains a newline"),
            (r#""memBwSchema":"MB:0=1\nx""#, "linux.intelRdt.memBwSchema: contains a newline"),
            (r#""memBwSchema":"x""#, "warning: linux.intelRdt.memBwSchema: does not start with MB:"),
        ],
    );
}

#[test]
fn network_devices_need_a_network_namespace_and_full_rights() {
    let words = "unable to move network devices without a NET namespace (linux.netDevices)";
    assert_eq!(judged(&linux(r#""netDevices":{"eth0":{}}"#), &ROOT), words);
    let devices =
        |devices: &str| linux(&format!(r#""namespaces":[{{"type":"network"}}],"netDevices":{{{devices}}}"#));
    let rootless = Facts { cgroups: CgroupRights::Rootless, ..ROOT };
    assert_eq!(
        judged(&devices(r#""eth0":{}"#), &rootless),
        "network devices are not supported for rootless containers (linux.netDevices)"
    );
    table(
        devices,
        &ROOT,
        &[
            (r#""eth0":{"name":"net%d"},"fifteen-letters":{}"#, ""),
            (
                r#""sixteen-letters-":{}"#,
                r#"invalid network device name "sixteen-letters-" (linux.netDevices)"#,
            ),
            (r#""a/b":{}"#, r#"invalid network device name "a/b" (linux.netDevices)"#),
            (r#""":{}"#, r#"invalid network device name "" (linux.netDevices)"#),
            (
                r#""a.b":{"name":"c d"}"#,
                r#"invalid network device name "c d" (linux.netDevices["a.b"].name)"#,
            ),
            (r#""a":{"name":".."}"#, r#"invalid network device name ".." (linux.netDevices.a.name)"#),
        ],
    );
}

#[test]
fn hooks_have_an_absolute_path_and_a_real_timeout() {
    table(
        top,
        &ROOT,
        &[
            (
                r#""hooks":{"poststart":[{"path":"/a","timeout":1},{"path":"b"}]}"#,
                r#"hooks.poststart[1].path: "b" is not absolute"#,
            ),
            (r#""hooks":{"prestart":[{}]}"#, r#"hooks.prestart[0].path: "" is not absolute"#),
            (
                r#""hooks":{"createContainer":[{"path":"/a","timeout":0}]}"#,
                "hooks.createContainer[0].timeout: 0 is not greater than 0",
            ),
        ],
    );
}

#[test]
fn an_annotation_has_a_key() {
    assert_eq!(judged(&top(r#""annotations":{"":"x"}"#), &ROOT), "warning: annotations: a key is empty");
}
