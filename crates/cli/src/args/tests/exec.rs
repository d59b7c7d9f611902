//! `exec`, and `ps`, whose flags end at the first argument too.

use super::*;

#[test]
fn flags_of_exec_and_ps_end_at_the_first_argument() {
    let process = exec_words("exec -t c1 -e A=B");
    assert_eq!(process.args, ["-e", "A=B"]);
    assert!(process.tty && process.env.is_empty());
    assert_eq!(exec_words("exec c1 sh -c -- x").args, ["sh", "-c", "--", "x"]);
    assert_eq!(exec_words("exec c1 -- ls").args, ["--", "ls"]);
    let args = command!(Ps, "ps -f json c1 -e -o pid");
    assert_eq!(args.format, TableFormat::Json);
    assert_eq!(args.ps_args, ["-e", "-o", "pid"]);
    assert_eq!(command!(Ps, "ps c1").ps_args, ["-ef"]);
}

#[test]
fn help_behind_the_command_of_exec_belongs_to_that_command() {
    assert_eq!(exec_words("exec c1 ls -h").args, ["ls", "-h"]);
}

#[test]
fn exec_builds_a_process_from_words() {
    let line = "exec --cwd /w -e A=1 --env B=2 -t -u 7:8 -g 9 --additional-gids 0x10 --process-label l \
                --apparmor p --no-new-privs -c CAP_KILL --cap CAP_CHOWN c1 sh -c x";
    assert_eq!(
        exec_words(line),
        ProcessWords {
            args: words("sh -c x"),
            cwd: Some(PathBuf::from("/w")),
            env: words("A=1 B=2"),
            tty: true,
            user: Some((7, Some(8))),
            additional_gids: vec![9, 16],
            process_label: Some("l".to_owned()),
            apparmor: Some("p".to_owned()),
            no_new_privileges: true,
            caps: vec!["CAP_KILL".to_owned(), "CAP_CHOWN".to_owned()],
        }
    );
}

#[test]
fn words_that_exec_refuses_end_with_255() {
    for (line, message) in [
        ("exec c1", "exec failed: exec args cannot be empty"),
        ("exec -u root c1 sh", "exec failed: bad uid: strconv.Atoi: parsing \"root\": invalid syntax"),
        (
            "exec --cgroup a --cgroup b c1 sh",
            "exec failed: invalid --cgroup argument: a (missing <controller>: prefix)",
        ),
        (
            "exec --cgroup ,a:/x c1 sh",
            "exec failed: invalid --cgroup argument: ,a:/x (empty <controller> prefix)",
        ),
        (
            "exec --cgroup a:/x --cgroup b,a:/y c1 sh",
            "exec failed: invalid --cgroup argument(s): controller a specified multiple times",
        ),
    ] {
        let refused = refusal(line);
        assert_eq!(refused.message, message, "{line}");
        assert_eq!(refused.exit, Exit::ExecFailure, "{line}");
    }
}

#[test]
fn a_process_file_replaces_the_words_on_the_process() {
    let args = exec("exec -p /p.json -u nonsense c1 ignored");
    assert_eq!(args.process, ExecProcess::File(PathBuf::from("/p.json")));
}

#[test]
fn cgroups_of_exec_have_controllers_or_none() {
    let sub = |controllers: &[&str], path: &str| SubCgroup {
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        path: path.to_owned(),
    };
    assert_eq!(exec("exec --cgroup a/b c1 sh").cgroups, [sub(&[], "a/b")]);
    assert_eq!(
        exec("exec --cgroup cpu,memory:/x --cgroup pids:/y c1 sh").cgroups,
        [sub(&["cpu", "memory"], "/x"), sub(&["pids"], "/y")]
    );
}

#[test]
fn bytes_that_are_not_utf8_survive_where_linux_allows_them() {
    let odd = OsString::from_vec(b"/a\xff".to_vec());
    let line =
        ["exec", "--cwd"].map(OsString::from).into_iter().chain([odd.clone(), "c1".into(), odd.clone()]);
    let Ok(Command::Exec(ExecArgs { process: ExecProcess::Words(process), .. })) =
        command("brig", line.collect())
    else {
        panic!("not read")
    };
    assert_eq!(process.cwd, Some(PathBuf::from(&odd)));
    assert_eq!(process.args, std::slice::from_ref(&odd));
    let refused = command("brig", vec!["exec".into(), "--apparmor".into(), odd, "c1".into(), "sh".into()]);
    assert!(refused.unwrap_err().message.ends_with("for flag -apparmor: not UTF-8"));
}
