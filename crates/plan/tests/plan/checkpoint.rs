//! What of a container is outside, for CRIU.

use brig_handshake::Text;
use brig_plan::checkpoint::{descriptors, external, mount_points, outside, read_descriptors};
use brig_plan::host::{Cgroups, Host, V1Hierarchy};

use crate::{host, options, planned, planned_on, text, texts, with_mounts};

const MOUNTS: &str = r#"
    {"destination":"/proc","source":"proc","type":"proc"},
    {"destination":"/dev","source":"tmpfs","type":"tmpfs"},
    {"destination":"/dev/shm","source":"/shm","options":["bind"]},
    {"destination":"/etc/hosts","source":"hosts","options":["rbind"]},
    {"destination":"/data","source":"/data","options":["bind"]},
    {"destination":"/data/inner","source":"/inner","options":["bind"]},
    {"destination":"/data/tmp","source":"tmpfs","type":"tmpfs"}"#;

fn strings(texts: &[Text<'_>]) -> Vec<String> {
    texts.iter().map(|text| text.to_string_lossy().into_owned()).collect()
}

#[test]
fn bind_mounts_and_devices_are_outside_and_new_file_systems_are_not() {
    let plan = planned(&with_mounts(MOUNTS));
    let kept = strings(&outside(&plan, [1, 0, 2]).mounts);
    assert_eq!(kept[..4], ["/dev/shm", "/etc/hosts", "/data", "/data/inner"]);
    assert!(kept[4..].iter().all(|path| path.starts_with("/dev/")), "{kept:?}");
    assert_eq!(outside(&plan, [1, 0, 2]).pipes, [1, 0, 2]);
    let found = external(&plan);
    assert_eq!((&found[1].destination, &found[1].source), (&text("/etc/hosts"), &text("/bundle/hosts")));
    assert_eq!(strings(&found.iter().map(|it| it.destination.clone()).collect::<Vec<_>>()), kept);
}

#[test]
fn masked_files_are_the_null_device_of_the_host() {
    let masked = r#""linux":{"namespaces":[{"type":"mount"}],"maskedPaths":["/proc/keys"]}"#;
    let plan = planned(masked);
    assert_eq!(outside(&plan, [0; 3]).masked, texts(&["/proc/keys"]));
    let last = external(&plan).pop().unwrap();
    assert_eq!((last.destination, last.source), (text("/dev/null"), text("/dev/null")));
}

#[test]
fn cgroups_of_version_1_are_outside_unless_the_container_has_a_namespace_for_them() {
    let hierarchy = V1Hierarchy {
        directory: "cpu,cpuacct".to_owned(),
        controllers: vec!["cpu".to_owned(), "cpuacct".to_owned()],
        container: "/sys/fs/cgroup/cpu,cpuacct/c".to_owned(),
        caller: None,
    };
    let host = Host { cgroups: Cgroups::V1 { hierarchies: vec![hierarchy] }, ..host() };
    let outside_with = |namespaces: &str| {
        let mount = r#"{"destination":"/sys/fs/cgroup","source":"cgroup","type":"cgroup"}"#;
        let more = format!(r#""mounts":[{mount}],"linux":{{"namespaces":[{namespaces}]}}"#);
        let plan = planned_on(&host, &options(), &more).unwrap();
        let found = external(&plan);
        let found = found.iter().find(|it| it.destination.to_bytes().starts_with(b"/sys"));
        found.map(|it| strings(&[it.destination.clone(), it.source.clone()]))
    };
    let bound = ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/c"].map(str::to_owned).to_vec();
    assert_eq!(outside_with(r#"{"type":"mount"}"#), Some(bound));
    assert_eq!(outside_with(r#"{"type":"mount"},{"type":"cgroup"}"#), None);
}

#[test]
fn mount_points_are_made_in_the_rootfs_and_in_what_is_bound_and_nowhere_else() {
    let plan = planned(&with_mounts(MOUNTS));
    let points = mount_points(&plan);
    let paths = strings(&points.iter().map(|point| point.destination.clone()).collect::<Vec<_>>());
    assert_eq!(paths, ["/proc", "/dev", "/etc/hosts", "/data", "/data/inner", "/data/tmp"]);
    assert_eq!(points[0].bound, None);
    assert_eq!(points[3].bound, Some(text("/data")));
}

#[test]
fn namespaces_that_are_joined_are_kept() {
    let plan = planned(r#""linux":{"namespaces":[{"type":"mount"},{"type":"network","path":"/n"}]}"#);
    assert_eq!(outside(&plan, [0; 3]).joined, 0x4000_0000);
}

#[test]
fn descriptors_are_written_as_they_are_read() {
    let written = descriptors(&texts(&["pipe:[7]", "/a\"b", "/dev/null"]));
    assert_eq!(written, r#"["pipe:[7]","/a\"b","/dev/null"]"#);
    assert_eq!(read_descriptors(written.as_bytes()).unwrap(), ["pipe:[7]", "/a\"b", "/dev/null"]);
    for bad in ["", "{}", "[1]"] {
        let refused = read_descriptors(bad.as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with("descriptors.json: "), "{refused}");
    }
}
