//! What containers of the library have around them: networks, units of systemd, pods, and the pressure that they are under. Root,
//! in a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use brig_plan::network::{Network, Veth};
use brig_plan::plan::Whose;
use brig_runtime::container::{Namespace, Namespaces, Pod};
use brig_runtime::events::{PressureThreshold, Resource, Waiting};
use common::{Ours, as_root, cgroups_named, lacks, patience, text, unique};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The network interfaces of this thread.
fn interfaces() -> Vec<String> {
    let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    devices.lines().skip(2).map(|line| line.split(':').next().unwrap().trim().to_owned()).collect()
}

#[test]
fn a_network_is_set_up_for_a_launch_and_goes_with_the_container() {
    let Some(rootfs) = as_root() else { return };
    // Instead of the machine's own, for one thread.
    let host = Namespaces::new(&[Namespace::Network]).unwrap();
    thread::scope(|scope| {
        let launches = || {
            let namespace = host.get(Namespace::Network).unwrap();
            move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network)).unwrap();
            let veth = Veth {
                host_name: Some("lib0".to_owned()),
                addresses: vec!["10.9.8.2/24".parse().unwrap()],
                host_addresses: vec!["10.9.8.1/24".parse().unwrap()],
                ..Veth::new("eth0")
            };
            let launch = rootfs.script("sleep 1000").launch().network(Network::Veth(veth));
            let container = Ours(launch.run(&rootfs.store(), &unique("veth")).unwrap());
            assert!(interfaces().contains(&"lib0".to_owned()), "{:?}", interfaces());
            let ping = container.exec(["busybox", "ping", "-c", "1", "-W", "20", "10.9.8.1"]);
            let said = text(ping.capabilities(["CAP_NET_RAW"]).output().unwrap());
            assert!(said.contains(" 0% packet loss"), "{said}");
            container.destroy().unwrap();
            assert_eq!(interfaces(), ["lo"]);
        };
        scope.spawn(launches).join().unwrap();
    });
}

#[test]
fn a_container_of_the_library_is_a_unit_of_systemd() {
    let Some(rootfs) = as_root() else { return };
    if !Path::new("/run/systemd/private").exists() || !Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
    {
        return println!("SKIPPED: needs systemd, and cgroup v2 alone");
    }
    let id = unique("unit");
    let path = format!("system.slice:library:{id}");
    let launch = rootfs.script("sleep 1000").memory(64 << 20).cgroups_path(path).launch();
    let container = Ours(launch.systemd(Whose::System).run(&rootfs.store(), &id).unwrap());
    let group = PathBuf::from(format!("/sys/fs/cgroup/system.slice/library-{id}.scope"));
    assert_eq!(fs::read_to_string(group.join("memory.max")).unwrap(), format!("{}\n", 64 << 20));
    let pid = container.init().unwrap().pid().to_string();
    assert!(fs::read_to_string(group.join("cgroup.procs")).unwrap().lines().any(|line| line == pid));
    assert!(container.exec(["true"]).status().unwrap().success());
    container.pause().unwrap();
    container.resume().unwrap();
    container.destroy().unwrap();
    assert!(!group.exists());
}

#[test]
fn pressure_on_a_container_is_told_to_who_watches_it() {
    let Some(rootfs) = as_root() else { return };
    let busy = "i=0; while [ $i -lt 16 ]; do (while :; do :; done) & i=$((i+1)); done; wait";
    let container = Ours(rootfs.script(busy).create(&rootfs.store(), &unique("pressed")).unwrap());
    let threshold = PressureThreshold {
        resource: Resource::Cpu,
        waiting: Waiting::Some,
        stall: Duration::from_millis(100),
        // Of any other length it takes a capability (Linux 6.5).
        window: Duration::from_secs(2),
    };
    let watch = match container.watch_pressure(&threshold) {
        Err(error) if error.errno() == Some(Errno::NOENT) => {
            return println!("SKIPPED: needs a cgroup of version 2, and a kernel that measures pressure");
        }
        watch => watch.unwrap(),
    };
    assert!(!watch.wait(&brig_runtime::Patience::of(Duration::from_millis(20))).unwrap(), "nothing runs yet");
    container.start().unwrap();
    assert!(watch.wait(&patience()).unwrap());
}

#[test]
fn a_pod_is_given_processors_along_its_path_from_the_top_down() {
    let Some(rootfs) = as_root() else { return };
    if lacks(&["cpuset"]) {
        return;
    }
    let name = unique("cpus");
    let pod = Pod::new(&format!("/{name}/pod"), Namespaces::from_descriptors([])).unwrap();
    if let Err(error) = pod.set_cpus_along("0-1", "0") {
        pod.destroy().unwrap();
        return println!("SKIPPED: needs two processors: {error}");
    }
    let member = rootfs.script("sleep 1000").cpuset("0").launch();
    let member = Ours(pod.launch(member, "member").run(&rootfs.store(), &unique("member")).unwrap());
    let root = ["/sys/fs/cgroup/cpuset", "/sys/fs/cgroup"]
        .into_iter()
        .find(|root| fs::exists(format!("{root}/{name}")).unwrap());
    let cpus = || {
        ["", "/pod", "/pod/member"].map(|below| {
            let file = format!("{}/{name}{below}/cpuset.cpus", root.unwrap());
            fs::read_to_string(file).unwrap().trim().to_owned()
        })
    };
    assert_eq!(cpus(), ["0-1", "0", "0"]);
    // First the pod, then each of its containers, as a machine grows.
    pod.set_cpus_along("0-1", "0-1").unwrap();
    assert_eq!(cpus(), ["0-1", "0-1", "0"]);
    member.set_cpus_along("0-1", "1").unwrap();
    assert_eq!(cpus(), ["0-1", "0-1", "1"]);
    let before = cpus();
    pod.set_cpus_along("0-1", "4000").unwrap_err();
    assert_eq!(cpus(), before, "nothing of it came into force");
    member.destroy().unwrap();
    pod.destroy().unwrap();
    for left in cgroups_named(&name) {
        fs::remove_dir(left).unwrap_or(());
    }
    assert_eq!(cgroups_named(&name), Vec::<PathBuf>::new());
}
