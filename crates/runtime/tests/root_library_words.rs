//! The words of the library for containers and processes: each is seen inside. By root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;
use std::io::Read;
use std::thread;
use std::time::Duration;

use brig_plan::spec::Process;
use brig_runtime::{Kind, Stdio};
use common::{Ours, as_root, patience, text, unique};

#[test]
fn words_about_files_hosts_and_limits_are_seen_inside() {
    let Some(rootfs) = as_root() else { return };
    let shared = rootfs.path().with_file_name("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("a"), "of the host\n").unwrap();
    let script = "cat /data/a; (echo x > /data/b) 2>/dev/null || echo refused; echo x > /both/c; \
                  cat /proc/sys/kernel/hostname; ulimit -Sn; ulimit -Hn; cat /proc/self/mounts";
    let words = rootfs
        .script(script)
        .bind_read_only(&shared, "/data")
        .bind(&shared, "/both")
        .tmpfs("/tmp", 1 << 20)
        .hostname("jail")
        .rlimit("RLIMIT_NOFILE", 100, 200);
    let said = text(words.output(&rootfs.store(), &unique("words")).unwrap());
    let (head, mounts) = said.split_at(said.find("200\n").unwrap() + 4);
    assert_eq!(head, "of the host\nrefused\njail\n100\n200\n");
    let tmp = mounts.lines().find(|line| line.starts_with("tmpfs /tmp ")).unwrap();
    assert!(tmp.contains("nosuid,nodev") && tmp.contains("size=1024k"), "{tmp}");
    assert!(shared.join("c").exists() && !shared.join("b").exists());
}

#[test]
fn a_shared_network_is_the_callers_and_any_other_is_not() {
    let Some(rootfs) = as_root() else { return };
    let own = fs::read_link("/proc/thread-self/ns/net").unwrap().display().to_string();
    let seen = |shared| {
        let words = rootfs.script("ls -l /proc/self/ns/net");
        let words = if shared { words.share_network() } else { words };
        text(words.output(&rootfs.store(), &unique("network")).unwrap())
    };
    assert!(seen(true).contains(&own));
    let other = seen(false);
    assert!(other.contains("net:[") && !other.contains(&own), "{other}");
}

#[test]
fn words_about_a_process_are_seen_in_it_alone() {
    let Some(rootfs) = as_root() else { return };
    let sleeper = rootfs.script("sleep 1000").edit(|spec| {
        spec.process.as_mut().unwrap().no_new_privileges = false;
    });
    let container = Ours(sleeper.run(&rootfs.store(), &unique("process")).unwrap());
    let said = text(container.exec(["id", "-G"]).user(7, 8).groups([9, 10]).output().unwrap());
    assert_eq!(said, "8 9 10\n");
    let bit = |exec: brig_runtime::Exec<'_>| {
        let status = text(exec.output().unwrap());
        let line = status.lines().find(|line| line.starts_with("NoNewPrivs:")).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    let status = ["cat", "/proc/self/status"];
    assert_eq!(bit(container.exec(status)), "0");
    assert_eq!(bit(container.exec(status).no_new_privileges()), "1");
    let whole = Process {
        args: vec!["pwd".into()],
        env: vec!["PATH=/bin".into()],
        cwd: "/tmp".into(),
        ..Process::default()
    };
    assert_eq!(text(container.exec(["false"]).process(whole).output().unwrap()), "/tmp\n");
    let process = container.exec(["sh", "-c", "echo wrong >&2"]).stderr(Stdio::Piped).spawn().unwrap();
    let mut said = String::new();
    process.take_stderr().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((said.as_str(), process.wait_for(&patience()).unwrap().code()), ("wrong\n", Some(0)));
}

#[test]
fn a_process_for_a_paused_container_is_refused_or_waits_with_the_others() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    container.pause().unwrap();
    let refused = container.exec(["true"]).spawn().unwrap_err();
    assert_eq!(refused.kind(), &Kind::Paused);
    thread::scope(|scope| {
        let exec = container.exec(["echo", "thawed"]).while_paused().patience(patience());
        let waits = scope.spawn(|| exec.output());
        thread::sleep(Duration::from_millis(200));
        let is_finished = waits.is_finished();
        container.resume().unwrap();
        assert_eq!(text(waits.join().unwrap().unwrap()), "thawed\n");
        assert!(!is_finished, "it did not wait");
    });
}

#[test]
fn a_launch_tells_the_configuration_that_it_will_carry_out() {
    let Some(rootfs) = as_root() else { return };
    let id = unique("launch");
    let launch = rootfs.script("exit 3").launch().cgroups_path(format!("/{id}"));
    let path = launch.with_spec(|spec| spec.linux.as_ref().unwrap().cgroups_path.as_str().to_owned());
    assert_eq!(path.unwrap(), format!("/{id}"));
    let status = launch.no_new_keyring().no_pivot().rootless_cgroups(false).status(&rootfs.store(), &id);
    assert_eq!(status.unwrap().code(), Some(3));
}
