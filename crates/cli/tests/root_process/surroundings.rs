//! What surrounds the process: environment, working directory, descriptors; and how its program is found.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
};

use super::{fails, process, says};
use crate::common::{self, Brig, Bundle, unique};
use serde_json::{Value, json};

#[test]
fn the_environment_is_the_configurations_and_a_home() {
    if common::cannot_run() {
        return;
    }
    let with = |env: Value, uid: u32| {
        let environ = says(
            "",
            process(|process| {
                process["env"] = env;
                process["user"]["uid"] = json!(uid);
                process["args"] = json!(["/bin/cat", "/proc/self/environ"]);
            }),
        );
        environ.replace('\0', "\n")
    };
    assert_eq!(with(json!(["A=1", "PATH=/bin", "A=2", "B==x="]), 0), "PATH=/bin\nA=2\nB==x=\nHOME=/root\n");
    assert_eq!(with(json!(["PATH=/bin", "HOME=/mine"]), 0), "PATH=/bin\nHOME=/mine\n");
    assert_eq!(with(json!(["PATH=/bin", "HOME="]), 0), "PATH=/bin\nHOME=/root\n");
    assert_eq!(with(json!(["PATH=/bin"]), 99), "PATH=/bin\nHOME=/\n");
    for (env, words) in [(json!(["A"]), "missing '='"), (json!(["=A"]), "name cannot be empty")] {
        let ended = fails(&["/bin/true"], process(|process| process["env"] = env));
        assert!(ended.error().contains(words), "{ended:?}");
    }
}

#[test]
fn without_an_environment_there_is_none() {
    if common::cannot_run() {
        return;
    }
    let printed = says(
        "",
        process(|process| {
            process.as_object_mut().unwrap().remove("env");
            process["args"] = json!(["/bin/cat", "/proc/self/environ"]);
        }),
    );
    assert_eq!(printed, "");
    let ended = fails(&["true"], process(|process| drop(process.as_object_mut().unwrap().remove("env"))));
    assert!(ended.error().contains("executable file not found in $PATH"), "{ended:?}");
}

#[test]
fn a_missing_working_directory_is_made_even_in_a_read_only_root() {
    if common::cannot_run() {
        return;
    }
    let printed = says("pwd; stat -c '%a %u' .", |config| {
        config["process"]["cwd"] = json!("/new/one");
        config["root"]["readonly"] = json!(true);
    });
    assert_eq!(printed, "/new/one\n755 0\n");
}

#[test]
fn a_working_directory_of_the_user_alone_is_entered_as_the_user() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("pwd").edit(process(|process| {
        process["cwd"] = json!("/private");
        process["user"] = json!({ "uid": 1000, "gid": 1000 });
    }));
    let private = bundle.rootfs().join("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&private, Some(1000), Some(1000)).unwrap();
    assert_eq!(Brig::new().says(&bundle), "/private\n");
    chown(&private, Some(1001), Some(1001)).unwrap();
    let brig = Brig::new();
    let bundle = bundle.edit(process(|process| process["capabilities"] = json!({})));
    let ended = brig.run_bundle(&bundle);
    // runc enters it while it is still root, and so do we.
    assert_eq!(ended.text(), "/private\n");
}

#[test]
fn a_working_directory_that_is_none_is_named() {
    if common::cannot_run() {
        return;
    }
    let ended = fails(&["true"], process(|process| process["cwd"] = json!("/etc/passwd")));
    assert!(ended.error().contains("/etc/passwd") && ended.error().contains("not a directory"), "{ended:?}");
    let ended = fails(&["true"], process(|process| process["cwd"] = json!("relative")));
    assert!(ended.error().contains("Cwd must be an absolute path"), "{ended:?}");
}

#[test]
fn executables_that_cannot_be_run_fail_at_create_in_words() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let bundle = Bundle::busybox();
    fs::write(bundle.rootfs().join("plain"), "").unwrap();
    fs::write(bundle.rootfs().join("nonsense"), "nonsense").unwrap();
    fs::write(bundle.rootfs().join("script"), "#!/no/such/interpreter\n").unwrap();
    for program in ["nonsense", "script"] {
        fs::set_permissions(bundle.rootfs().join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    symlink("/etc", bundle.rootfs().join("bin/directory")).unwrap();
    for (program, words) in [
        ("missing", "exec: \"missing\": executable file not found in $PATH"),
        ("/missing", "exec: \"/missing\": stat /missing: no such file or directory"),
        ("/plain", "exec: \"/plain\": permission denied"),
        ("/etc", "exec: \"/etc\": is a directory"),
        ("directory", "exec: \"directory\": executable file not found in $PATH"),
        ("/etc/passwd/x", "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory"),
    ] {
        bundle.change(process(|process| process["args"] = json!([program])));
        let ended = brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        assert!(
            ended.code == 1 && ended.error().contains(&format!("{words} (process.args[0])")),
            "{ended:?}"
        );
        assert!(
            ended.error().starts_with("brig create failed: unable to start container process: "),
            "{ended:?}"
        );
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    }
    for (program, words) in [("/nonsense", "exec format error"), ("/script", "no such file or directory")] {
        bundle.change(process(|process| process["args"] = json!([program])));
        let ended = brig.run_bundle(&bundle);
        assert!(ended.code != 0 && ended.stderr.contains(&format!("exec {program}: {words}")), "{ended:?}");
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    }
}

#[test]
fn a_bare_name_is_looked_up_in_the_containers_own_path() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["tool", "x"])
        .edit(process(|process| process["env"] = json!(["PATH=/missing:/etc:/opt:/bin"])));
    for (directory, mode, text) in
        [("etc", 0o644, "#!/bin/echo wrong\n"), ("opt", 0o755, "#!/bin/echo right\n")]
    {
        let path = bundle.rootfs().join(directory);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("tool"), text).unwrap();
        fs::set_permissions(path.join("tool"), fs::Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(Brig::new().says(&bundle), "right /opt/tool x\n");
}

#[test]
fn no_descriptor_of_the_caller_leaks_into_run_or_exec() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["ls", "/proc/self/fd"]), Brig::new());
    let leaky = |words: &[&str]| {
        let run = brig.command(words);
        let mut command = std::process::Command::new("bash");
        command
            .args(["-c", "exec 3</ 4</etc 77</etc/passwd; exec \"$@\"", "bash"])
            .arg(run.get_program())
            .args(run.get_args());
        brig.finish(command)
    };
    // The fourth is the directory that `ls` reads.
    assert_eq!(
        leaky(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]).text(),
        "0\n1\n2\n3\n"
    );
    let bundle = bundle.args(&["sleep", "1000"]);
    let id = brig.start(&bundle);
    assert_eq!(leaky(&["exec", &id, "ls", "/proc/self/fd"]).text(), "0\n1\n2\n3\n");
}

#[test]
fn a_created_container_holds_nothing_but_its_streams_and_what_it_waits_on() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["true"]), Brig::new());
    let pid = brig.state(&brig.create(&bundle))["pid"].to_string();
    let links: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(links.len() <= 5, "{links:?}");
    assert!(
        links.iter().all(|link| !link.starts_with("/proc") && !link.contains("rootfs") && link != "/"),
        "{links:?}"
    );
}

#[test]
fn nothing_of_the_host_is_in_the_containers_process() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(
        "readlink /proc/1/exe; cat /proc/1/cmdline | tr '\\0' ' '; echo; cat /proc/1/environ | tr '\\0' '\\n' | grep -c BRIG_SECRET; true",
    );
    let brig = Brig::new();
    let mut command = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    command.env("BRIG_SECRET", "x");
    let ended = brig.finish(command);
    let mut lines = ended.stdout.lines();
    assert_eq!(lines.next(), Some("/bin/busybox"), "{ended:?}");
    assert!(lines.next().unwrap().starts_with("sh -c "), "{ended:?}");
    assert_eq!(ended.stdout.lines().last(), Some("0"), "{ended:?}");
}
