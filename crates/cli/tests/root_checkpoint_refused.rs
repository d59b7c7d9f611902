//! `checkpoint` and `restore` that do not succeed: what is said, and that nothing is lost or left behind.
//! Root, in a private mount namespace; needs CRIU.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "a test says why it is skipped")]

mod common;

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use common::checkpoint::{COUNTER, cannot_run, count, counts_on, instead_of_criu};
use common::{Brig, Bundle, Ended, HostMounts, unique};

#[test]
fn what_does_not_run_is_not_dumped() {
    if cannot_run() {
        return;
    }
    let (bundle, ended, brig) = (Bundle::script(COUNTER), Bundle::with_args(&["true"]), Brig::new());
    let created = brig.create(&bundle);
    brig.checkpoint(&created, "images", &[]).failed(1, "Container cannot be checkpointed in created state");
    let stopped = brig.start(&ended);
    brig.await_status(&stopped, "stopped");
    brig.checkpoint(&stopped, "images", &[]).failed(1, "Container cannot be checkpointed in stopped state");
    brig.checkpoint("nobody", "images", &[]).failed(1, "container does not exist");
    assert_eq!(brig.status(&created), "created");
}

#[test]
fn wrong_words_are_refused_before_anything_is_done() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    let ended = brig.checkpoint(&id, "images", &["--manage-cgroups-mode", "none"]);
    assert!(ended.error().starts_with("invalid manage-cgroups-mode"), "{ended:?}");
    brig.checkpoint(&id, "images", &["--empty-ns", "mount"])
        .failed(1, "namespace \"mount\" is not supported");
    counts_on(&bundle, count(&bundle));
}

/// Images of a container that is gone.
fn dumped(bundle: &Bundle, brig: &Brig) -> String {
    let id = brig.start_apart(bundle);
    count(bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    id
}

/// Asserts that `restore` fails, and nothing is there afterwards that was not before.
#[track_caller]
fn fails_and_leaves_nothing(bundle: &Bundle, brig: &Brig) -> Ended {
    let (mounts, id) = (HostMounts::now(), unique("c"));
    let before = fs::read_dir(bundle.rootfs()).unwrap().count();
    let ended = brig.restore(&id, bundle, "images", &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    brig.assert_gone(&id);
    mounts.assert_unchanged();
    assert_eq!(fs::read_dir(bundle.rootfs()).unwrap().count(), before);
    ended
}

#[test]
fn a_restore_without_images_leaves_nothing() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    fails_and_leaves_nothing(&bundle, &brig);
    fs::create_dir_all(brig.scratch("images")).unwrap();
    fails_and_leaves_nothing(&bundle, &brig);
}

#[test]
fn a_restore_from_images_that_are_not_whole_leaves_nothing_and_quotes_criu() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    dumped(&bundle, &brig);
    let images = brig.scratch("images");
    let core = images.join("core-1.img");
    let whole = fs::read(&core).unwrap();
    fs::write(&core, &whole[..whole.len() / 2]).unwrap();
    let ended = fails_and_leaves_nothing(&bundle, &brig);
    assert!(ended.error().starts_with("criu failed: type RESTORE errno "), "{ended:?}");
    assert!(ended.stderr.contains("Error (criu/"), "{ended:?}");
    fs::write(&core, whole).unwrap();
    fs::write(images.join("pstree.img"), "nonsense").unwrap();
    fails_and_leaves_nothing(&bundle, &brig);
}

#[test]
fn memory_that_was_cut_short_is_found_before_criu_reads_behind_its_end_for_ever() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = dumped(&bundle, &brig);
    let (images, before) = (brig.scratch("images"), count(&bundle));
    let pages = images.join("pages-1.img");
    let whole = fs::read(&pages).unwrap();
    for size in [whole.len() - 1, 4096, 0] {
        fs::write(&pages, &whole[..size]).unwrap();
        let ended = fails_and_leaves_nothing(&bundle, &brig);
        let words = format!("the images are not whole: pages-1.img has {size} of {} bytes", whole.len());
        assert_eq!(ended.error(), words);
    }
    assert!(!images.join("restore.log").exists(), "CRIU was started");
    fs::write(&pages, &whole).unwrap();
    // What an earlier dump of another process left there wants more.
    let left = fs::read(images.join("pagemap-1.img")).unwrap();
    fs::write(images.join("pagemap-4242.img"), [&left[..], &left[14..]].concat()).unwrap();
    // So it is where an earlier dump has them.
    let earlier = brig.scratch("earlier");
    fs::create_dir(&earlier).unwrap();
    for name in ["pages-1.img", "pagemap-1.img"] {
        fs::copy(images.join(name), earlier.join(name)).unwrap();
    }
    fs::write(earlier.join("pages-1.img"), &whole[1..]).unwrap();
    symlink("../earlier", images.join("parent")).unwrap();
    assert!(fails_and_leaves_nothing(&bundle, &brig).error().starts_with("the images are not whole: "));
    fs::remove_file(images.join("parent")).unwrap();
    brig.restore(&id, &bundle, "images", &[]).ok();
    counts_on(&bundle, before);
}

#[test]
fn images_that_somebody_else_supplied_neither_hang_brig_nor_fill_its_memory() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    dumped(&bundle, &brig);
    let supplied = brig.scratch("images");
    let whole = brig.scratch("whole");
    fs::rename(&supplied, &whole).unwrap();
    for (trick, said) in [
        ("ln -sf /dev/zero descriptors.json", "descriptors.json: too many levels of symbolic links"),
        ("rm descriptors.json; mkfifo descriptors.json", "descriptors.json: invalid argument"),
        ("truncate -s 1G descriptors.json", "descriptors.json: file too large"),
        ("rm pages-1.img; mkfifo pages-1.img", "not whole: pages-1.img is no ordinary file"),
        ("ln -sf /dev/zero inventory.img", "not whole: inventory.img is no ordinary file"),
        ("ln -s . parent", "the images are their own parent: too many levels of symbolic links"),
        ("rm core-1.img; ln -s /dev/zero restore.log", "errno "),
        ("rm core-1.img; ln -s /dev/full restore.log", "errno "),
    ] {
        fs::create_dir(&supplied).unwrap();
        let script = format!("cp {}/* .; {trick}", whole.display());
        let made = Command::new("sh").args(["-ec", &script]).current_dir(&supplied).status().unwrap();
        assert!(made.success());
        let ended = fails_and_leaves_nothing(&bundle, &brig);
        assert!(ended.error().contains(said), "{trick}: {ended:?}");
        fs::remove_dir_all(&supplied).unwrap();
    }
}

#[test]
fn a_restore_whose_id_is_taken_leaves_the_other_alone() {
    if cannot_run() {
        return;
    }
    let (bundle, other, brig) = (Bundle::script(COUNTER), Bundle::script(COUNTER), Brig::new());
    dumped(&bundle, &brig);
    let taken = brig.start_apart(&other);
    brig.restore(&taken, &bundle, "images", &[]).failed(1, "container with given ID already exists");
    counts_on(&other, count(&other));
}

#[test]
fn the_same_images_can_be_restored_after_a_failure() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = dumped(&bundle, &brig);
    let before = count(&bundle);
    let (shell, away) = (bundle.rootfs().join("bin/busybox"), bundle.path().join("away"));
    fs::rename(&shell, &away).unwrap();
    fails_and_leaves_nothing(&bundle, &brig);
    fs::rename(&away, &shell).unwrap();
    brig.restore(&id, &bundle, "images", &[]).ok();
    counts_on(&bundle, before);
}

#[test]
fn a_process_that_is_traced_cannot_be_dumped_and_runs_on() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    let mut strace = Command::new("strace");
    strace.args(["--quiet=all", "-o", "/dev/null", "-p", &brig.state(&id)["pid"].to_string()]);
    let Ok(mut tracing) = strace.stdin(Stdio::null()).stderr(Stdio::null()).spawn() else {
        println!("SKIPPED: needs strace");
        return;
    };
    let status = format!("/proc/{}/status", brig.state(&id)["pid"]);
    let traced = || !fs::read_to_string(&status).unwrap().contains("TracerPid:\t0\n");
    common::eventually("it is traced", traced);
    let refused = brig.checkpoint(&id, "images", &[]);
    tracing.kill().unwrap();
    tracing.wait().unwrap();
    assert!(refused.error().starts_with("criu failed: type DUMP errno "), "{refused:?}");
    assert!(refused.stderr.contains("Error (c"), "{refused:?}");
    counts_on(&bundle, count(&bundle));
}

/// `checkpoint` and `restore` with this PATH.
fn with_path(brig: &Brig, bundle: &Bundle, id: &str, path: &Path) -> [Ended; 2] {
    let [images, nothing] = ["images", "nothing"].map(|name| brig.scratch(name));
    fs::create_dir_all(&nothing).unwrap();
    fs::write(nothing.join("descriptors.json"), r#"["/dev/null", "/dev/null", "/dev/null"]"#).unwrap();
    let run = |words: &[&str]| {
        let mut command = brig.command(words);
        command.env("PATH", path);
        brig.finish(command)
    };
    let (images, nothing) = (images.to_str().unwrap(), nothing.to_str().unwrap());
    let restored = unique("c");
    let restore = [
        "restore",
        "--detach",
        "--image-path",
        nothing,
        "--bundle",
        bundle.path().to_str().unwrap(),
        &restored,
    ];
    let ended = [run(&["checkpoint", "--image-path", images, id]), run(&restore)];
    brig.assert_gone(&restored);
    ended
}

#[test]
fn without_criu_it_is_said_what_is_missing() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    let path = instead_of_criu(&brig, None);
    for ended in with_path(&brig, &bundle, &id, &path) {
        assert_eq!(ended.code, 1, "{ended:?}");
        let error = ended.error();
        assert!(error.contains("criu") && error.contains("executable file not found in $PATH"), "{ended:?}");
    }
    counts_on(&bundle, count(&bundle));
}

#[test]
fn a_criu_that_is_too_old_is_refused_with_both_versions() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    // It answers the question for its version, 2.12, over the descriptor that it is told.
    let script = "printf '\\010\\012\\020\\001\\122\\004\\010\\002\\020\\014' >&$2; for n in 1 2 3; do read line <&$2; done\n";
    let path = instead_of_criu(&brig, Some(script));
    for ended in with_path(&brig, &bundle, &id, &path) {
        assert_eq!(ended.code, 1, "{ended:?}");
        assert_eq!(ended.error(), "checkpoint and restore requires at least CRIU 3.0, and this is CRIU 2.12");
    }
    counts_on(&bundle, count(&bundle));
}

#[test]
fn a_criu_that_dies_or_talks_nonsense_is_one_clear_line() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    for script in
        ["exit 3\n", "echo nonsense >&$2; for n in 1 2 3; do read line <&$2; done\n", "no such program"]
    {
        let path = instead_of_criu(&brig, Some(script));
        for ended in with_path(&brig, &bundle, &id, &path) {
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.error().to_lowercase().contains("criu"), "{script:?}: {ended:?}");
        }
    }
    counts_on(&bundle, count(&bundle));
}
