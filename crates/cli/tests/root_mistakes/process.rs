//! Mistakes in the process: its program, ids, limits, working directory.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::{Bench, INIT};
use crate::common::{Witness, give_to, set_namespace, unique};
use serde_json::{Value, json};

#[test]
fn an_executable_is_looked_up_before_the_container_exists() {
    let Some(bench) = Bench::new() else { return };
    bench.image("text", "", 0o644);
    bench.image("bin/text", "", 0o644);
    for (program, why) in [
        ("nosuch", "executable file not found in $PATH"),
        ("text", "executable file not found in $PATH"),
        ("", "executable file not found in $PATH"),
        ("/nosuch", "stat /nosuch: no such file or directory"),
        ("./nosuch", "stat ./nosuch: no such file or directory"),
        ("/text/x", "stat /text/x: not a directory"),
        ("/bin", "is a directory"),
        ("/text", "permission denied"),
    ] {
        let message = format!("{INIT}exec: \"{program}\": {why} (process.args[0])");
        bench.fails_with(&message, |config| config["process"]["args"] = json!([program]));
    }
    bench.fails_with("args must not be empty (process.args)", |config| config["process"]["args"] = json!([]));
}

#[test]
fn a_program_that_cannot_be_executed_ends_run_with_255_and_says_whose_absence_it_is() {
    let Some(bench) = Bench::new() else { return };
    bench.image("script", "#! /nosuch -x\n", 0o755);
    bench.image("refused", "#!/etc/passwd\n", 0o755);
    bench.image("text", "no program\n", 0o755);
    bench.image("empty", "", 0o755);
    for (program, why) in [
        ("/script", "no such file or directory (its interpreter, /nosuch)"),
        ("/refused", "permission denied (its interpreter, /etc/passwd)"),
        ("/text", "exec format error"),
        ("/empty", "exec format error"),
    ] {
        bench.write(|config| config["process"]["args"] = json!([program]));
        bench.is_not_executed(&format!("exec {program}: {why}"));
    }
    bench.write(|config| config["process"]["args"] = json!(["true", "x".repeat(200_000)]));
    bench.is_not_executed("exec /bin/true: argument list too long");
    let hook = json!({ "startContainer": [{ "path": "/nosuch" }] });
    bench.write(|config| config["hooks"] = hook);
    bench.is_not_executed(
        "error running startContainer hook #0: fork/exec /nosuch: no such file or directory",
    );
}

#[test]
fn a_dynamic_program_without_its_linker_names_that() {
    let Some(bench) = Bench::new() else { return };
    // The test itself is none where everything is linked statically; the machine's true(1) is one.
    fs::copy("/bin/true", bench.bundle.rootfs().join("dynamic")).unwrap();
    bench.write(|config| config["process"]["args"] = json!(["/dynamic"]));
    let ended = bench.attempt("run", &unique("c"), &[]);
    let start = "exec /dynamic: no such file or directory (its interpreter, /lib";
    assert!(ended.code == 255 && ended.stderr.starts_with(start), "{ended:?}");
}

/// After `start` nobody but the container's own standard error can be told.
#[test]
fn a_created_container_says_on_its_own_standard_error_why_its_program_does_not_start() {
    let Some(bench) = Bench::new() else { return };
    bench.image("script", "#!/nosuch\n", 0o755);
    bench.write(|config| config["process"]["args"] = json!(["/script"]));
    let (id, (witness, stderr)) = (unique("mistake"), Witness::new());
    let log = bench.brig.scratch("stdout");
    let mut create = bench.brig.command(&["create", "--bundle", bench.path().to_str().unwrap(), &id]);
    create.stdout(fs::File::create(log).unwrap()).stderr(stderr);
    assert!(create.status().unwrap().success());
    drop(create);
    bench.brig.run(&["start", &id]).ok();
    assert_eq!(witness.alone(), "exec /script: no such file or directory (its interpreter, /nosuch)\n");
    bench.brig.await_status(&id, "stopped");
    bench.brig.run(&["delete", &id]).ok();
    bench.brig.assert_nothing_of(&id);
}

#[test]
fn ids_that_a_user_namespace_does_not_map_are_refused() {
    let Some(bench) = Bench::new() else { return };
    give_to(&bench.bundle.rootfs(), 100_000);
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let map = |host: u32| json!([{ "containerID": 0, "hostID": host, "size": 1000 }]);
    let mapped = |config: &mut Value| {
        set_namespace(config, "user", None);
        config["linux"]["uidMappings"] = map(100_000);
        config["linux"]["gidMappings"] = map(100_000);
    };
    for (user, message) in [
        (
            json!({ "uid": 5000, "gid": 0 }),
            "cannot setuid to unmapped uid 5000 in user namespace (process.user.uid)",
        ),
        (
            json!({ "uid": 0, "gid": 5000 }),
            "cannot setgid to unmapped gid 5000 in user namespace (process.user.gid)",
        ),
        (
            json!({ "uid": 0, "gid": 0, "additionalGids": [5000] }),
            "setgroups: invalid argument (process.user.additionalGids)",
        ),
    ] {
        bench.fails_with(&format!("{INIT}{message}"), |config| {
            mapped(config);
            config["process"]["user"] = user;
        });
    }
    bench.fails_with("linux.uidMappings[0].size: is 0", |config| {
        mapped(config);
        config["linux"]["uidMappings"][0]["size"] = json!(0);
    });
    let overlap = "linux.uidMappings[1].containerID: overlaps with linux.uidMappings[0]";
    bench.fails_with(overlap, |config| {
        mapped(config);
        let twice = config["linux"]["uidMappings"][0].clone();
        config["linux"]["uidMappings"].as_array_mut().unwrap().push(twice);
    });
}

/// CVE-2024-21626: a descriptor of the host's tree as the working directory.
#[test]
fn a_working_directory_stays_inside() {
    let Some(bench) = Bench::new() else { return };
    for descriptor in 3..12 {
        for beyond in ["", "/..", "/../../../etc"] {
            let cwd = format!("/proc/self/fd/{descriptor}{beyond}");
            let message = format!("{INIT}mkdir {cwd}: too many levels of symbolic links (process.cwd)");
            bench.write(|config| config["process"]["cwd"] = json!(cwd));
            bench.fails_as("run", &[], 1, &message);
        }
    }
    for (cwd, message) in [
        ("", "Cwd property must not be empty (process.cwd)"),
        ("tmp", "Cwd must be an absolute path (process.cwd)"),
        (
            "/etc/passwd",
            &*format!(
                "{INIT}chdir to cwd (\"/etc/passwd\") set in config.json failed: not a directory (process.cwd)"
            ),
        ),
    ] {
        bench.fails_with(message, |config| config["process"]["cwd"] = json!(cwd));
    }
}

#[test]
fn an_exec_does_not_get_out_through_its_working_directory() {
    let Some(bench) = Bench::new() else { return };
    bench.write(|config| config["process"]["args"] = json!(["sleep", "1000"]));
    symlink("/proc/self/fd/7", bench.bundle.rootfs().join("link")).unwrap();
    let id = bench.brig.start(&bench.bundle);
    let descriptors = (3..12)
        .flat_map(|number| ["", "/..", "/../../../etc"].map(|end| format!("/proc/self/fd/{number}{end}")));
    for cwd in descriptors.chain(["/link".to_owned(), "/link/..".to_owned()]) {
        let ended = bench.brig.run(&["exec", "--cwd", &cwd, &id, "pwd"]);
        assert!(ended.code == 255 && ended.stderr.lines().count() == 1, "{cwd}: {ended:?}");
    }
}

#[test]
fn a_working_directory_is_made_even_if_the_root_is_read_only_later() {
    let Some(bench) = Bench::new() else { return };
    bench.write(|config| {
        config["root"]["readonly"] = json!(true);
        config["process"]["cwd"] = json!("/new/directory");
        config["process"]["args"] = json!(["pwd"]);
    });
    assert_eq!(bench.attempt("run", &unique("c"), &[]).text(), "/new/directory\n");
}

#[test]
fn limits_are_known_given_once_and_permitted() {
    let Some(bench) = Bench::new() else { return };
    let limit = |kind: &str, soft: u64, hard: u64| json!({ "type": kind, "soft": soft, "hard": hard });
    for (limits, message) in [
        (json!([limit("RLIMIT_FOO", 1, 1)]), "wrong rlimit value: RLIMIT_FOO (process.rlimits[0].type)"),
        (json!([limit("RLIMIT_CORE", 2, 1)]), "process.rlimits[0].soft: 2 is above the hard limit, 1"),
        (
            json!([limit("RLIMIT_CORE", 1, 1), limit("RLIMIT_CORE", 1, 1)]),
            "process.rlimits[1].type: \"RLIMIT_CORE\" given twice",
        ),
        (
            json!([limit("RLIMIT_NOFILE", 1 << 40, 1 << 40)]),
            &*format!("{INIT}error setting rlimits: operation not permitted (process.rlimits[0])"),
        ),
    ] {
        bench.fails_with(message, |config| config["process"]["rlimits"] = limits);
    }
}

#[test]
fn a_program_may_have_nearly_no_descriptors() {
    let Some(bench) = Bench::new() else { return };
    for count in [16, 3] {
        bench.write(|config| {
            config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": count, "hard": count }]);
            config["process"]["args"] = json!(["sh", "-c", "ulimit -n"]);
        });
        assert_eq!(bench.attempt("run", &unique("c"), &[]).text(), format!("{count}\n"));
    }
}
