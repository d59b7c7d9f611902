//! A systemd of our own making, with a store and a slice for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use brig_dbus::Value;
use serde_json::json;

use super::ROOT;
use super::common::{Brig, Bundle, Ended, Folder, eventually, unique};
use super::fake_systemd::{FakeSystemd, Heard, Said};

/// A fake systemd, a store, and a slice that nobody else has.
pub(crate) struct Bench {
    pub(crate) brig: Brig,
    pub(crate) systemd: FakeSystemd,
    pub(crate) slice: String,
    _folder: Folder,
}

impl Bench {
    /// What `odd` says comes before what a real one would say.
    pub(crate) fn new(mut odd: impl FnMut(&Heard) -> Option<Vec<Said>> + Send + 'static) -> Bench {
        let folder = Folder::new("bus");
        let slice = unique("").replace('-', "_") + ".slice";
        let directory = Path::new(ROOT).join(&slice);
        let systemd = FakeSystemd::new(&folder.join("bus"), move |heard| {
            odd(heard).unwrap_or_else(|| as_systemd_does(heard, &directory))
        });
        Bench { brig: Brig::new().with(&["--systemd-cgroup"]), systemd, slice, _folder: folder }
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.brig.command(words);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", self.systemd.socket().display()));
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.brig.finish(self.command(words))
    }

    /// A bundle whose unit is in our slice.
    pub(crate) fn bundle(&self, id: &str, script: &str) -> Bundle {
        let path = format!("{}:p:{id}", self.slice);
        Bundle::script(script).edit(|config| config["linux"]["cgroupsPath"] = json!(path))
    }

    pub(crate) fn scope(&self, id: &str) -> PathBuf {
        Path::new(ROOT).join(&self.slice).join(format!("p-{id}.scope"))
    }

    pub(crate) fn heard(&self, member: &str) -> Vec<Heard> {
        self.systemd.heard().into_iter().filter(|heard| heard.member == member).collect()
    }

    pub(crate) fn count(&self, member: &str) -> usize {
        self.heard(member).len()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let slice = Path::new(ROOT).join(&self.slice);
        for scope in fs::read_dir(&slice).into_iter().flatten().flatten() {
            drop(fs::write(scope.path().join("cgroup.kill"), "1"));
            eventually("the scope is removed", || {
                fs::remove_dir(scope.path()).is_ok() || !scope.path().is_dir()
            });
        }
        drop(fs::remove_dir(&slice));
    }
}

pub(crate) fn job() -> Vec<Said> {
    const JOB: &str = "/org/freedesktop/systemd1/job/1";
    vec![Said::Return(vec![Value::Path(JOB.into())]), Said::JobRemoved(JOB.into(), "done".into())]
}

/// Makes and removes the cgroup, and moves the first process in.
pub(crate) fn as_systemd_does(heard: &Heard, slice: &Path) -> Vec<Said> {
    let unit = heard.values.first().and_then(Value::as_text).unwrap_or_default();
    let scope = slice.join(unit);
    match heard.member.as_str() {
        "StartTransientUnit" => {
            fs::create_dir_all(&scope).unwrap();
            for pid in pids(heard) {
                // It may have ended: then the real one says that its job failed.
                drop(fs::write(scope.join("cgroup.procs"), pid.to_string()));
            }
            job()
        }
        "StopUnit" if scope.is_dir() => {
            fs::remove_dir(&scope).unwrap();
            job()
        }
        "StopUnit" | "ResetFailedUnit" => {
            vec![Said::Error("org.freedesktop.systemd1.NoSuchUnit", "not loaded")]
        }
        _ => vec![Said::Return(vec![])],
    }
}

pub(crate) fn pids(start: &Heard) -> Vec<u32> {
    match property(start, "PIDs") {
        Some(Value::Array(_, pids)) => {
            pids.iter().map(|pid| if let Value::U32(pid) = pid { *pid } else { panic!("{pid:?}") }).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn property(start: &Heard, name: &str) -> Option<Value> {
    let Value::Array(_, properties) = &start.values[2] else { panic!("{start:?}") };
    properties.iter().find_map(|property| {
        let Value::Struct(pair) = property else { panic!("{property:?}") };
        let Value::Variant(value) = &pair[1] else { panic!("{property:?}") };
        (pair[0].as_text() == Some(name)).then(|| (**value).clone())
    })
}
