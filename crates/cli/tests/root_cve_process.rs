//! Attacks by a process of the container on those who enter it: CVE-2016-9962, CVE-2019-5736. Root, in a private mount
//! namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::{
    Brig, Bundle,
    attack::{lacks_perl, many},
    eventually, set_namespace, unique,
};
use serde_json::json;

/// Looks through every process that it sees, for ever: at its root and descriptors, its environment and memory, and whether
/// it can be traced. `PRIZE` is a file of the host, `HOST` a process there, `SECRET` stands in the environment of who enters.
const WATCH: &str = r#"
    $| = 1; my %told; print "ready\n";
    sub found { my $what = shift; print "$what\n" unless $told{$what}++; }
    for (;;) {
        opendir(my $proc, "/proc") or die;
        for my $pid (grep { /^\d+$/ && $_ != $$ } readdir $proc) {
            # Whom he may trace has to wait until he is done.
            my $held = syscall(PTRACE, 16, $pid + 0, 0, 0) == 0; waitpid($pid, 0x40000000) if $held;
            found("root") if -e "/proc/$pid/root PRIZE";
            found("cwd") if -e "/proc/$pid/cwd PRIZE";
            my $exe = readlink("/proc/$pid/exe") // "";
            found("exe $exe") if $exe =~ /brig|memfd/;
            if (opendir(my $fds, "/proc/$pid/fd")) {
                for my $fd (readdir $fds) {
                    my $to = readlink("/proc/$pid/fd/$fd") // next;
                    found("fd $to") if $to =~ /memfd|brig/ and $to !~ /stdout|stderr/;
                    found("fd $fd leads out") if grep { -e "/proc/$pid/fd/$fd$_ PRIZE" } "", "/HOST/root";
                }
            }
            if (open(my $file, "<", "/proc/$pid/environ")) { local $/; found("environ") if (<$file> // "") =~ /SECRET/; }
            if (open(my $file, "<", "/proc/$pid/maps")) { local $/; found("maps") if (<$file> // "") =~ /memfd|brig-init/; }
            if (open(my $file, "<", "/proc/$pid/mem")) {
                sysseek($file, 0x200000, 0); found("mem") if sysread($file, my $head, 4) and $head eq "\x7fELF";
            }
            next unless $held;
            if (open(my $file, "<", "/proc/$pid/status")) {
                local $/; my ($comm, $permitted, $bounding) = (<$file> // "") =~ /Name:\t(\S+).*CapPrm:\t(\w+).*CapBnd:\t(\w+)/s;
                if (($comm // "true") ne "true") { found("traced $comm"); found("holds $permitted $bounding"); }
            }
            syscall(PTRACE, 17, $pid + 0, 0, 0); kill("CONT", $pid);
        }
    }
"#;

/// Tries to overwrite the executable of every process that it sees, once that has ended.
const OVERWRITE: &str = r##"
    $| = 1; my %kept; print "ready\n";
    for (;;) {
        opendir(my $proc, "/proc") or die;
        for my $pid (grep { /^\d+$/ && $_ != $$ } readdir $proc) {
            my $exe = readlink("/proc/$pid/exe") // next;
            next if $kept{$exe} or $exe =~ /perl|busybox/;
            open($kept{$exe}, "<", "/proc/$pid/exe") or delete $kept{$exe};
        }
        for my $exe (keys %kept) {
            open(my $again, "+<", "/proc/self/fd/" . fileno($kept{$exe})) or next;
            print "overwrote $exe\n" if syswrite($again, "#!/bin/evil\n");
            delete $kept{$exe};
        }
    }
"##;

/// ptrace(2).
const PTRACE: &str = if cfg!(target_arch = "x86_64") { "101" } else { "117" };

/// A container with an attacker in it, who has said that he is ready.
struct Attacked {
    brig: Brig,
    id: String,
    log: PathBuf,
    bundle: Bundle,
}

impl Attacked {
    fn by(script: &str, change: impl FnOnce(Bundle) -> Bundle) -> Self {
        let brig = Brig::new();
        let prize = brig.scratch("prize");
        fs::write(&prize, "of the host\n").unwrap();
        let script = script
            .replace(" PRIZE", prize.to_str().unwrap())
            .replace("PTRACE", PTRACE)
            .replace("HOST", &std::process::id().to_string());
        let bundle = change(Bundle::perl(&script));
        let (id, log) = (unique("attacked"), brig.scratch("log"));
        let path = bundle.path().to_str().unwrap();
        let mut run = brig.command(&["run", "--detach", "--bundle", path, &id]);
        let file = fs::File::create(&log).unwrap();
        run.stdout(file.try_clone().unwrap()).stderr(file);
        assert!(run.status().unwrap().success(), "{}", fs::read_to_string(&log).unwrap());
        let attacked = Self { brig, id, log, bundle };
        eventually("the attacker is there", || attacked.found().is_some());
        attacked
    }

    /// What he has found by now.
    fn found(&self) -> Option<String> {
        let log = fs::read_to_string(&self.log).unwrap();
        assert!(log.is_empty() || log.starts_with("ready\n"), "{log}");
        log.strip_prefix("ready\n").map(str::to_owned)
    }

    fn pid(&self) -> String {
        self.brig.state(&self.id)["pid"].to_string()
    }

    /// Somebody careless: a program of the host's enters the pid namespace as it is, and has only dropped its capabilities.
    fn carelessly(&self, program: &Path) -> Child {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid(), "--pid", "setpriv", "--bounding-set=-all"]);
        command.arg(program).arg("2").env("WHO", "SECRET");
        command.stdout(Stdio::null()).spawn().unwrap()
    }
}

#[test]
fn cve_2016_9962_who_enters_a_container_is_neither_traced_nor_looked_through() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    // Root of a user namespace may trace whoever is in it.
    for change in [|bundle| bundle, |bundle: Bundle| bundle.in_user_namespace().privileged()] {
        let attacked = Attacked::by(WATCH, change);
        for _ in 0..many(40) {
            let mut exec = attacked.brig.command(&["exec", &attacked.id, "/usr/bin/true"]);
            exec.env("WHO", "SECRET");
            attacked.brig.finish(exec).ok();
        }
        assert_eq!(attacked.found().unwrap(), "");
    }
}

#[test]
fn cve_2016_9962_who_may_trace_everybody_finds_nothing_of_the_hosts_in_who_enters() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    // With SYS_PTRACE of the host's user namespace nothing can be kept from him: so there is nothing to be found.
    // Labels are set by way of the host's /proc, and it tells a timeline how long who waits: behind it is all of the host.
    let attacked = Attacked::by(WATCH, Bundle::privileged);
    let trace = attacked.brig.scratch("trace.json");
    let commands: [&[&str]; 3] =
        [&["exec"], &["exec", "--apparmor", "unconfined"], &["--trace", trace.to_str().unwrap(), "exec"]];
    for round in 0..many(60) {
        let mut exec =
            attacked.brig.command(&[commands[round % 3], &[&attacked.id, "/usr/bin/true"]].concat());
        exec.env("WHO", "SECRET");
        // He may stop whom he traces.
        attacked.brig.finish(exec);
    }
    let found = attacked.found().unwrap();
    let is_harmless = |line: &&str| {
        let traced = line.starts_with("traced ") || line.starts_with("holds ");
        // Without memfd_create(2) it is on a tmpfs that is mounted nowhere.
        let ours = line.contains("memfd:brig-init") || *line == "exe /brig-init";
        matches!(*line, "maps" | "mem") || traced || ours
    };
    let harmful: Vec<_> = found.lines().filter(|line| !is_harmless(line)).collect();
    assert!(harmful.is_empty(), "{found}");
}

/// What those held whom an attacker has traced: permitted capabilities, and the bounding set.
fn held(found: &str) -> Vec<(u64, u64)> {
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let sets = found.lines().filter_map(|line| line.strip_prefix("holds ")?.split_once(' '));
    sets.map(|(permitted, bounding)| (hexadecimal(permitted), hexadecimal(bounding))).collect()
}

#[test]
fn cve_2016_9962_who_may_trace_everybody_gains_no_more_than_steps_need_and_the_container_has() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    // CAP_KILL, CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE, and CAP_SYS_PTRACE, over the host's user namespace.
    let spec: u64 = 1 << 5 | 1 << 10 | 1 << 29 | 1 << 19;
    // CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_SETGID, CAP_SETUID, CAP_SETPCAP.
    let steps: u64 = 1 | 1 << 1 | 1 << 6 | 1 << 7 | 1 << 8;
    let attacked = Attacked::by(WATCH, |bundle| {
        bundle.edit(|config| {
            // To set limits takes CAP_SYS_RESOURCE.
            config["process"]["rlimits"] = json!([]);
            for set in ["bounding", "permitted", "effective"] {
                let set = config["process"]["capabilities"][set].as_array_mut().unwrap();
                set.push(json!("CAP_SYS_PTRACE"));
            }
        })
    });
    let mut times = 0;
    while times < many(40) || held(&attacked.found().unwrap()).is_empty() {
        attacked.brig.run(&["exec", &attacked.id, "/usr/bin/true"]);
        times += 1;
        assert!(times < many(40) * 20, "nobody was traced");
    }
    for (permitted, bounding) in held(&attacked.found().unwrap()) {
        assert_eq!(permitted & !(spec | steps), 0, "{permitted:x}");
        assert_eq!(bounding & !spec, 0, "{bounding:x}");
    }

    // Of somebody careless he gets everything.
    let mut careless = Command::new("nsenter");
    let mut careless = careless.args(["--target", &attacked.pid(), "--pid", "sleep", "2"]).spawn().unwrap();
    eventually("the careless are traced", || {
        held(&attacked.found().unwrap()).iter().any(|(permitted, _)| permitted & !(spec | steps) != 0)
    });
    // nsenter stops itself when it sees its child stopped.
    careless.kill().unwrap();
    careless.wait().unwrap();
}

/// Whose filter denies `denied`, and is loaded without no_new_privs, as in Docker's containers.
fn with_a_filter(bundle: Bundle, denied: &str) -> Bundle {
    bundle.edit(|config| {
        let process = &mut config["process"];
        process["rlimits"] = json!([]);
        process["noNewPrivileges"] = json!(false);
        for set in ["bounding", "permitted", "effective"] {
            process["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_SYS_PTRACE"));
        }
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{ "names": [denied], "action": "SCMP_ACT_ERRNO" }],
        });
    })
}

/// Of how many processes of an `exec` an attacker saw what they held, and of how many of them `CAP_SYS_ADMIN`.
fn seen_with_sys_admin(denied: &str) -> (usize, usize) {
    let attacked = Attacked::by(WATCH, |bundle| with_a_filter(bundle, denied));
    let mut times = 0;
    let count = || {
        let held = held(&attacked.found().unwrap());
        (held.len(), held.iter().filter(|(permitted, _)| permitted >> 21 & 1 == 1).count())
    };
    // He tells of each set once.
    while times < many(40) || count().0 == 0 {
        attacked.brig.run(&["exec", &attacked.id, "/usr/bin/true"]);
        times += 1;
        assert!(times < many(40) * 20, "nobody was traced");
    }
    count()
}

#[test]
fn cve_2016_9962_who_may_trace_everybody_gains_no_sys_admin_from_who_has_a_filter_to_load() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    assert_eq!(seen_with_sys_admin("mount").1, 0);
    // Behind this one nobody can become what a process of an exec is: it is loaded later, and he sees with what.
    assert_ne!(seen_with_sys_admin("setsid").1, 0);
}

#[test]
fn cve_2016_9962_who_waits_in_a_pid_namespace_of_others_is_not_looked_through() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    let attacked = Attacked::by(WATCH, |bundle| bundle);
    let second = Bundle::with_args(&["true"])
        .edit(|config| set_namespace(config, "pid", Some(&format!("/proc/{}/ns/pid", attacked.pid()))));
    for _ in 0..many(40) / 10 {
        let id = attacked.brig.create(&second);
        attacked.brig.run(&["exec", &attacked.id, "/usr/bin/sleep", "0.05"]).ok();
        attacked.brig.run(&["delete", "--force", &id]).ok();
    }
    let found = attacked.found().unwrap();
    let of_others = found.lines().filter(|line| *line != "traced sleep" && !line.starts_with("holds "));
    assert_eq!(of_others.count(), 0, "{found}");
}

#[test]
fn cve_2016_9962_the_attack_works_on_somebody_careless() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    let attacked = Attacked::by(WATCH, |bundle| bundle);
    let mut careless = attacked.carelessly(Path::new("/usr/bin/sleep"));
    eventually("the careless are found", || {
        let found = attacked.found().unwrap();
        ["root", "environ", "traced sleep"].iter().all(|word| found.lines().any(|line| line == *word))
    });
    // nsenter stops itself when it sees its child stopped, and nobody lets it go on.
    careless.kill().unwrap();
    careless.wait().unwrap();
}

#[test]
fn cve_2019_5736_no_executable_of_the_hosts_can_be_overwritten_by_way_of_proc() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    let program = fs::read(common::brig_program()).unwrap();
    let attacked = Attacked::by(OVERWRITE, |bundle| bundle);
    for _ in 0..many(40) {
        let ended = attacked.brig.run(&["exec", &attacked.id, "/usr/bin/true"]);
        // While he tries to open it for writing, the kernel executes nobody's /usr/bin/true.
        assert!(ended.code == 0 || ended.stderr.contains("text file busy"), "{ended:?}");
    }
    // What is executed in the container is brig's own executable, if the image has its way.
    let inside = attacked.bundle.rootfs().join("tmp/again");
    fs::write(&inside, "#!/proc/self/exe\n").unwrap();
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..many(40) / 5 {
        let ended = attacked.brig.run(&["exec", &attacked.id, "/tmp/again"]);
        assert_ne!(ended.code, 0, "{ended:?}");
    }
    assert_eq!(attacked.found().unwrap(), "");
    assert!(fs::read(common::brig_program()).unwrap() == program, "brig was overwritten");

    // He can do it.
    let victim = attacked.brig.scratch("victim");
    fs::copy("/usr/bin/sleep", &victim).unwrap();
    attacked.carelessly(&victim).wait().unwrap();
    eventually("the careless one's executable is overwritten", || {
        fs::read(&victim).unwrap().starts_with(b"#!/bin/evil\n")
    });
}

#[test]
fn cve_2019_5736_an_image_whose_program_is_the_runtime_itself_gets_nothing_of_it() {
    if common::cannot_run() {
        return;
    }
    let program = fs::read(common::brig_program()).unwrap();
    let bundle = Bundle::with_args(&["/evil"]);
    let evil = bundle.rootfs().join("evil");
    for shebang in ["#!/proc/self/exe\n", "#!/proc/1/exe\n"] {
        fs::write(&evil, shebang).unwrap();
        fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
        let ended = Brig::new().run_bundle(&bundle);
        assert_ne!(ended.code, 0, "{ended:?}");
    }
    fs::remove_file(&evil).unwrap();
    symlink("/proc/self/exe", &evil).unwrap();
    let ended = Brig::new().run_bundle(&bundle);
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(fs::read(common::brig_program()).unwrap() == program);
}
