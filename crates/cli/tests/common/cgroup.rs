//! The cgroup of a test's container, as the kernel shows it on the host.

use std::{fs, path::PathBuf};

use super::Brig;

/// True, having said why, where the machine's cgroups have no such controllers: `if cgroup::lacks(&["memory"]) { return; }`.
pub(crate) fn lacks(controllers: &[&str]) -> bool {
    let missing = controllers.iter().find(|controller| !has(controller));
    if let Some(controller) = missing {
        println!("SKIPPED: needs the {controller} controller");
    }
    missing.is_some()
}

fn has(controller: &str) -> bool {
    match fs::read_to_string("/sys/fs/cgroup/cgroup.controllers") {
        Ok(text) => text.split_whitespace().any(|name| name == controller),
        Err(_) => fs::exists(format!("/sys/fs/cgroup/{controller}/cgroup.procs")).unwrap(),
    }
}

/// True, having said why, where systemd is not the first process, or manages groups of version 1.
pub(crate) fn lacks_systemd() -> bool {
    let first = fs::read_to_string("/proc/1/comm").unwrap_or_default();
    let lacks = first.trim() != "systemd" || !is_v2() || !fs::exists("/run/systemd/private").unwrap();
    if lacks {
        println!("SKIPPED: needs systemd as the first process, and cgroup v2");
    }
    lacks
}

/// Whether there is version 2 alone.
pub(crate) fn is_v2() -> bool {
    fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap()
}

/// The word for this layout.
pub(crate) fn here<T>(v1: T, v2: T) -> T {
    if is_v2() { v2 } else { v1 }
}

/// The name of v2's file of block I/O, cpu and so on begins with its controller; that of v1 may have another.
pub(crate) fn directory(brig: &Brig, id: &str, controller: &str) -> PathBuf {
    let text = fs::read_to_string(format!("/proc/{}/cgroup", brig.state(id)["pid"])).unwrap();
    let below = text.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let it =
            if is_v2() { controllers.is_empty() } else { controllers.split(',').any(|it| it == controller) };
        it.then(|| path.trim_start_matches('/').to_owned())
    });
    let root = PathBuf::from(if is_v2() {
        "/sys/fs/cgroup".to_owned()
    } else {
        format!("/sys/fs/cgroup/{controller}")
    });
    root.join(below.unwrap())
}

/// What one of its files holds, on one line.
#[track_caller]
pub(crate) fn file(brig: &Brig, id: &str, file: &str) -> String {
    // The files of cpusets and block I/O bear the controller's name too, in both versions.
    let controller = file.split('.').next().unwrap();
    let path = directory(brig, id, controller).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim().replace('\n', "; ")
}

/// What version 2 has to give where it is alone.
pub(crate) fn controllers() -> String {
    let text = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers");
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}
