//! Attacks on the making of mounts, by links that a neighbour exchanges while brig looks: CVE-2021-30465, CVE-2024-45310,
//! CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-52565. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{
    Brig, Bundle, Ended, Folder,
    attack::{Swapper, kernel_says, lacks_perl, listed, many, race, race_by},
    patiently,
    terminal::HostTerminal,
    unique,
};
use serde_json::json;

/// A path from a directory of the image to a place on the host: upwards more often than any root lies deep.
fn out_to(place: &Path) -> PathBuf {
    Path::new("../../../../../../../../../../..").join(place.strip_prefix("/").unwrap())
}

fn bind(source: &Path, destination: &str) -> serde_json::Value {
    json!({ "destination": destination, "source": source, "type": "bind", "options": ["rbind"] })
}

/// A volume with a directory `target` and a link `link` that leads to `place` on the host.
fn volume(place: &Path) -> Folder {
    let volume = Folder::new("volume");
    fs::create_dir(volume.join("target")).unwrap();
    symlink(out_to(place), volume.join("link")).unwrap();
    volume
}

#[test]
fn cve_2021_30465_a_mount_whose_target_is_exchanged_for_a_link_stays_in_the_root() {
    if common::cannot_run() {
        return;
    }
    // What lands on the host's `trap` while the container is made shows in the container at /check.
    let (trap, prize) = (Folder::new("trap"), Folder::new("prize"));
    fs::write(prize.join("prize"), "").unwrap();
    let volume = volume(trap.path());
    let bundle = Bundle::script("ls /check")
        .mount(bind(volume.path(), "/volume"))
        .mount(bind(prize.path(), "/volume/target"))
        .mount(bind(trap.path(), "/check"));
    let attacker = Swapper::of(volume.join("target"), volume.join("link"));
    race(attacker, &bundle, |ended| assert_eq!(ended.stdout, "", "{ended:?}"));
    assert_eq!(listed(trap.path()), [""; 0]);
}

#[test]
fn cve_2021_30465_a_mount_by_path_does_follow_the_link() {
    if common::cannot_run() {
        return;
    }
    let (trap, prize) = (Folder::new("trap"), Folder::new("prize"));
    fs::write(prize.join("prize"), "").unwrap();
    let volume = volume(trap.path());
    let (prize, link, trap) = (prize.path().display(), volume.join("link"), trap.path().display());
    assert_eq!(kernel_says(&format!("mount --bind {prize} {}; ls {trap}", link.display())), "prize\n");
}

#[test]
fn cve_2024_45310_directories_and_files_on_the_way_to_a_mount_are_made_in_the_root_only() {
    if common::cannot_run() {
        return;
    }
    let (outside, source) = (Folder::new("outside"), Folder::new("source"));
    fs::write(source.join("file"), "").unwrap();
    let volume = volume(outside.path());
    let bundle = Bundle::script("true")
        .mount(bind(volume.path(), "/volume"))
        .mount(bind(source.path(), "/volume/target/a/b/directory"))
        .mount(bind(&source.join("file"), "/volume/target/c/d/file"));
    let (target, link) = (volume.join("target"), volume.join("link"));
    let attacker = Swapper::of(target.clone(), link.clone());
    race(attacker, &bundle, |ended| {
        assert_eq!(listed(outside.path()), [""; 0], "{ended:?}");
        // To be made again.
        for place in [&target, &link] {
            for name in ["a", "c"] {
                fs::remove_dir_all(place.join(name)).ok();
            }
        }
    });
}

#[test]
fn cve_2024_45310_making_directories_by_path_does_follow_the_link() {
    if common::cannot_run() {
        return;
    }
    let outside = Folder::new("outside");
    let volume = volume(outside.path());
    fs::create_dir_all(volume.join("link/a/b")).unwrap();
    assert_eq!(listed(outside.path()).len(), 1);
}

/// proc or sysfs on a directory of the image that is exchanged for a link to another, which has nothing in it. `walls` are
/// paths below it that are masked or made read-only.
fn exchanged(name: &str, fs_type: &str, walls: &[&str]) {
    // A second proc, where nobody disturbs it, tells what is mounted where.
    let bundle = Bundle::script("busybox cat /tmp/steady/self/mountinfo")
        .mount(json!({ "destination": "/tmp/steady", "type": "proc", "source": "proc" }));
    let root = bundle.rootfs();
    fs::create_dir_all(root.join("evil")).unwrap();
    symlink("/evil", root.join("other")).unwrap();
    let attacker = Swapper::of(root.join(name), root.join("other"));
    race(attacker, &bundle, |ended| {
        assert!(ended.code == 0 || ended.stdout.is_empty(), "{ended:?}");
        // Numbers of mounts and of what they lie on; names may change while they are read.
        let lines: Vec<Vec<_>> = ended.stdout.lines().map(|line| line.split(' ').collect()).collect();
        let own =
            lines.iter().filter(|line| line[3] == "/" && line[4] != "/tmp/steady" && line.contains(&fs_type));
        for own in own {
            assert!(own[4] == format!("/{name}") || own[4] == "/other", "{own:?}: {ended:?}");
            for wall in walls {
                let lies_over =
                    |line: &Vec<&str>| line[1] == own[0] && line[4].ends_with(&format!("/{wall}"));
                assert!(lines.iter().any(lies_over), "{wall} of {own:?} is open: {ended:?}");
            }
        }
    });
}

#[test]
fn cve_2019_19921_and_2023_27561_proc_is_never_mounted_where_a_link_leads() {
    if common::cannot_run() {
        return;
    }
    exchanged("proc", "proc", &["keys", "sys", "bus", "fs", "irq"]);
}

#[test]
fn cve_2023_28642_sysfs_is_never_mounted_where_a_link_leads() {
    if common::cannot_run() {
        return;
    }
    exchanged("sys", "sysfs", &["firmware"]);
}

#[test]
fn cve_2019_19921_and_2023_27561_and_2023_28642_a_link_instead_of_proc_or_sys_is_refused_wherever_it_leads() {
    if common::cannot_run() {
        return;
    }
    for name in ["proc", "sys"] {
        for to in ["/evil", "evil/deep", "../../evil", "/proc/self/root", "/nowhere"] {
            let bundle = Bundle::script("echo ran");
            let root = bundle.rootfs();
            fs::create_dir_all(root.join("evil/deep")).unwrap();
            fs::remove_dir(root.join(name)).unwrap();
            symlink(to, root.join(name)).unwrap();
            let ended = Brig::new().run_bundle(&bundle);
            assert!(ended.code == 1 && ended.stdout.is_empty(), "{name} -> {to}: {ended:?}");
        }
    }
}

#[test]
fn cve_2021_30465_what_is_done_late_to_a_new_mount_is_done_to_that_mount_wherever_its_name_leads() {
    if common::cannot_run() {
        return;
    }
    // Two file systems whose places are exchanged all the while: one that becomes read-only when /dev is complete, and has
    // attributes that are set once it is mounted; and one that is left as it is.
    let volume = Folder::new("volume");
    for name in ["frozen", "free"] {
        fs::create_dir(volume.join(name)).unwrap();
    }
    let tmpfs = |name: &str, options: &[&str]| json!({ "destination": format!("/volume/{name}"), "type": "tmpfs", "source": name, "options": options });
    let bundle = Bundle::script("grep -e ' - tmpfs frozen ' -e ' - tmpfs free ' /proc/self/mountinfo")
        .mount(bind(volume.path(), "/volume"))
        .mount(tmpfs("frozen", &["ro", "rnoexec", "rshared"]))
        .mount(tmpfs("free", &[]));
    let attacker = Swapper::of(volume.join("frozen"), volume.join("free"));
    race(attacker, &bundle, |ended| {
        assert_eq!(ended.code, 0, "{ended:?}");
        for line in ended.stdout.lines() {
            let options: Vec<_> = line.split(' ').nth(5).unwrap().split(',').collect();
            let frozen = line.contains(" tmpfs frozen ");
            assert_eq!(options.contains(&"ro"), frozen, "{ended:?}");
            assert_eq!(options.contains(&"noexec"), frozen, "{ended:?}");
            // What is mounted on a shared one is shared as well (mount_namespaces(7)): they may lie on each other.
            assert!(line.contains(" shared:") || !frozen, "{ended:?}");
        }
        assert_eq!(ended.stdout.lines().count(), 2, "{ended:?}");
    });
}

/// A directory for `/dev` with a null device. Under each name that a terminal can have, `pts` and `other` have a link to a trap.
fn dev_with_a_trap() -> Folder {
    let dev = Folder::new("dev");
    fs::write(dev.join("trap"), "trap\n").unwrap();
    let (kind, number) = (rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(1, 3));
    rustix::fs::mknodat(rustix::fs::CWD, dev.join("null"), kind, 0o666.into(), number).unwrap();
    for name in ["pts", "other"] {
        fs::create_dir(dev.join(name)).unwrap();
        for link in ["0", "1", "2", "ptmx"] {
            symlink("../trap", dev.join(name).join(link)).unwrap();
        }
    }
    // Where runtimes have it that open the terminal by way of its name.
    symlink("pts/ptmx", dev.join("ptmx")).unwrap();
    dev
}

/// Exchanges the two: the devpts lies on one of them.
fn exchanging(dev: &Folder) -> Swapper {
    Swapper::of(dev.join("pts"), dev.join("other"))
}

/// A container with that directory and a terminal, which says what its console is, and writes to it.
fn with_a_terminal_in(dev: &Folder) -> Bundle {
    let devpts = ["newinstance", "ptmxmode=0666", "mode=0620"];
    ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]
        .into_iter()
        .fold(
            Bundle::script("stat -c '%F %t' /dev/console >/seen; echo evil >/dev/console"),
            Bundle::without_mount,
        )
        .mount(bind(dev.path(), "/dev"))
        .mount(json!({ "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": devpts }))
        .edit(|config| config["process"]["terminal"] = json!(true))
}

/// Runs that.
fn run_in_a_terminal(brig: &Brig, bundle: &Bundle) -> Ended {
    let seen = bundle.rootfs().join("seen");
    fs::write(&seen, "").unwrap();
    let terminal = HostTerminal::new(10, 20);
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    let code = terminal.spawn(&run).wait().unwrap().code().unwrap();
    Ended { code, stdout: fs::read_to_string(&seen).unwrap(), stderr: terminal.shown() }.told()
}

fn is_the_terminal_or_none(ended: &Ended, dev: &Folder) {
    assert_eq!(fs::read_to_string(dev.join("trap")).unwrap(), "trap\n", "{ended:?}");
    let terminal = "character special file 88\n";
    assert!(ended.stdout == terminal || ended.code != 0 && ended.stdout.is_empty(), "{ended:?}");
}

#[test]
fn cve_2025_52565_a_terminal_whose_directory_is_exchanged_is_the_console_or_there_is_none() {
    if common::cannot_run() {
        return;
    }
    let dev = dev_with_a_trap();
    let (bundle, brig) = (with_a_terminal_in(&dev), Brig::new());
    race_by(
        exchanging(&dev),
        || run_in_a_terminal(&brig, &bundle),
        |ended| is_the_terminal_or_none(ended, &dev),
    );
}

/// Holds a lease on the console, so that who opens it waits for him (fcntl(2)); exchanges the directories then, lets go, and
/// exchanges them back a little later: what is bound on the console comes from his, and what is opened after that is the terminal.
const HOLD_BACK: &str = r#"
    $SIG{IO} = "IGNORE"; $| = 1;
    open(my $console, "+>", "DEV/console") or die; fcntl($console, 1024, 1) or die; print "ready\n";
    for (1 .. PATIENCE) { last if fcntl($console, 1025, 0) != 1; select(undef, undef, undef, 0.001); }
    exit if fcntl($console, 1025, 0) == 1;
    my $pts = "DEV/pts"; my $other = "DEV/other"; my $until = rand 80;
    sub exchange { syscall(RENAMEAT2, -100, $pts, -100, $other, 2) == 0 or die }
    exchange; fcntl($console, 1024, 2); for (1 .. $until * 20) { } exchange; print "let go\n";
"#;

/// renameat2(2).
const RENAMEAT2: &str = if cfg!(target_arch = "x86_64") { "316" } else { "276" };

#[test]
fn cve_2025_52565_who_holds_the_console_back_while_he_exchanges_the_terminals_directory_gains_nothing() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    let dev = dev_with_a_trap();
    let (bundle, brig) = (with_a_terminal_in(&dev), Brig::new());
    let script = HOLD_BACK.replace("DEV", dev.path().to_str().unwrap()).replace("RENAMEAT2", RENAMEAT2);
    let script = script.replace("PATIENCE", &patiently(3).as_millis().to_string());
    let mut let_go = 0;
    for _ in 0..many(40) {
        let _gone = fs::remove_file(dev.join("console"));
        let mut attacker = Command::new("perl");
        let mut attacker = attacker.args(["-e", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(attacker.stdout.take().unwrap()).lines();
        assert_eq!(said.next().unwrap().unwrap(), "ready");
        let ended = run_in_a_terminal(&brig, &bundle);
        let_go += said.filter(|line| line.as_ref().is_ok_and(|line| line == "let go")).count();
        attacker.wait().unwrap();
        is_the_terminal_or_none(&ended, &dev);
    }
    assert!(let_go > 0, "nobody opened the console");
}

#[test]
fn cve_2025_52565_a_bind_of_the_terminal_by_its_path_does_follow_the_link() {
    if common::cannot_run() {
        return;
    }
    let dev = dev_with_a_trap();
    let attacker = exchanging(&dev);
    // The terminal is there, and its name is looked up after that.
    let script = format!(
        "cd {}; mkdir steady; touch console; mount -t devpts -o newinstance,ptmxmode=666 devpts steady
        exec 3<>steady/ptmx; mount --bind steady pts
        for n in $(seq 10000); do
            mount --bind pts/0 console 2>/dev/null || continue
            if test -f console; then cat console; exit; fi
            umount console
        done",
        dev.path().display()
    );
    assert_eq!(kernel_says(&script), "trap\n");
    assert!(attacker.count() > 0);
}
