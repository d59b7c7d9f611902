//! Containers that are made to see whether they can be: each of a bundle of its own, deleted at once. Runs in: parent.

use std::{
    cell::{Cell, RefCell},
    env, fs, io,
    os::{
        fd::AsFd as _,
        unix::{
            fs::{DirBuilderExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    process,
};

use brig_plan::plan::Whose;
use brig_runtime::{
    Error,
    create::{self, Request, Streams},
    delete, foreground, probe, status,
    store::{ContainerId, Store},
};
use rustix::process::{getegid, geteuid};
use serde_json::{Value, json};

use super::config::{add_mount, least, own_ids, profile};
use crate::{
    demo::bundle::Bundle,
    exit::Failure,
    spec_template::{CgroupLayout, SpecFor, spec_json},
};

type Outcome = Result<String, String>;

/// A folder for bundles and a store, which goes at the end.
pub(super) struct Ward {
    folder: PathBuf,
    store: Store,
    count: Cell<u32>,
}

impl Ward {
    pub(super) fn new() -> Result<Self, Failure> {
        let place = Bundle::place();
        let folder = place.join(format!("brig-doctor-{}", process::id()));
        let failed = |error: io::Error| Failure::new(format!("a folder in {}: {error}", place.display()));
        // Others may pass: to the host the container's root may be one of them.
        fs::DirBuilder::new().mode(0o711).create(&folder).map_err(failed)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).map_err(failed)?;
        let store = Store::open(folder.join("store"));
        Ok(Self { folder, store, count: Cell::new(0) })
    }

    /// A container up to the gate.
    pub(super) fn created(&self, change: fn(&mut Value, &Place)) -> Outcome {
        let (id, place) = self.place().map_err(|error| error.to_string())?;
        let mut config = least();
        change(&mut config, &place);
        place.made(self, &id, &config, true).map(|_| place.detail.take())
    }

    /// The container of `brig spec`, whose program is this one and prints its version.
    pub(super) fn ran(&self) -> Outcome {
        let in_words = |error: &dyn std::fmt::Display| error.to_string();
        let (id, place) = self.place().map_err(|error| in_words(&error))?;
        let own = env::current_exe().map_err(|error| in_words(&error))?;
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let spec_for = if uid == 0 { SpecFor::Root } else { SpecFor::Rootless { uid, gid } };
        let text = spec_json(spec_for, CgroupLayout::V1).map_err(|error| in_words(&error))?;
        let mut config: Value = serde_json::from_str(&text).map_err(|error| in_words(&error))?;
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/program", "version"]);
        add_mount(&mut config, "/program", &own.to_string_lossy(), "bind", &["bind", "ro"]);
        let code = place.made(self, &id, &config, false)?;
        match code {
            Some(0) => Ok(String::new()),
            Some(code) => Err(format!("its program ended with exit code {code}")),
            None => Err("its program did not end".to_owned()),
        }
    }

    /// Freezes it, and thaws it.
    fn paused(&self, id: &ContainerId) -> Result<(), String> {
        let paused = status::pause(&self.store, id).and_then(|()| status::resume(&self.store, id));
        paused.map_err(|error| in_short(&error))
    }

    fn place(&self) -> io::Result<(ContainerId, Place)> {
        let number = self.count.get();
        self.count.set(number + 1);
        let bundle = self.folder.join(number.to_string());
        for name in ["", "data", "rootfs", "rootfs/dev", "rootfs/proc", "rootfs/sys", "rootfs/data"] {
            fs::create_dir(bundle.join(name))?;
            fs::set_permissions(bundle.join(name), fs::Permissions::from_mode(0o755))?;
        }
        let program = bundle.join("rootfs/program");
        fs::write(&program, "")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let id = ContainerId::new(&format!("brig-doctor-{}-{number}", process::id()))
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok((id, Place { bundle, ..Place::default() }))
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        for number in 0..self.count.get() {
            // The kernel makes it for an overlay, with no mode at all, which stops whoever is not root.
            let made = self.folder.join(number.to_string()).join("workdir/work");
            fs::set_permissions(made, fs::Permissions::from_mode(0o700)).unwrap_or(());
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            log::error!("remove {}: {error}", self.folder.display());
        }
    }
}

/// One bundle, and what is asked of the runtime beside its config.json.
#[derive(Default)]
pub(crate) struct Place {
    bundle: PathBuf,
    /// Whoever connects is kept waiting: nobody expects an answer.
    listener: RefCell<Option<UnixListener>>,
    console: RefCell<Option<PathBuf>>,
    refusal: RefCell<Option<String>>,
    /// What is said if it works.
    detail: RefCell<String>,
    pauses: Cell<bool>,
    systemd: Cell<bool>,
}

impl Place {
    /// A folder of the host to be mounted.
    pub(super) fn folder(&self) -> String {
        self.bundle.join("data").display().to_string()
    }

    /// Folders for an overlay, as its options.
    pub(super) fn layers(&self) -> [String; 3] {
        ["lowerdir", "upperdir", "workdir"].map(|name| {
            let folder = self.bundle.join(name);
            self.refuse(fs::create_dir(&folder).map_err(|error| error.to_string()));
            format!("{name}={}", folder.display())
        })
    }

    /// A mount with ids of its own.
    pub(super) fn id_mapped(&self, config: &mut Value) {
        let map = json!([{ "containerID": 0, "hostID": 1000, "size": 1 }]);
        add_mount(config, "/data", &self.folder(), "bind", &["bind"]);
        if let Some(mount) = config["mounts"].as_array_mut().and_then(|mounts| mounts.last_mut()) {
            mount["uidMappings"] = map.clone();
            mount["gidMappings"] = map;
        }
    }

    /// A terminal, whose master is sent to somebody.
    pub(super) fn terminal(&self, config: &mut Value) {
        config["process"]["terminal"] = json!(true);
        add_mount(config, "/dev/pts", "devpts", "devpts", &["newinstance", "ptmxmode=0666"]);
        let socket = self.bundle.join("console");
        self.bind(&socket);
        *self.console.borrow_mut() = Some(socket);
    }

    /// A filter whose listener is sent to somebody.
    pub(super) fn listen(&self, config: &mut Value, flags: &[&str]) {
        let socket = self.bundle.join("listener");
        self.bind(&socket);
        profile(config, "SCMP_ACT_NOTIFY", flags);
        config["linux"]["seccomp"]["listenerPath"] = json!(socket.display().to_string());
    }

    /// As many ids of each kind as the caller may give away.
    pub(super) fn many_ids(&self, config: &mut Value) {
        own_ids(config);
        self.map(config, "uidMappings", geteuid().as_raw(), "/etc/subuid");
        self.map(config, "gidMappings", getegid().as_raw(), "/etc/subgid");
        self.detail.take();
    }

    /// As many uids as the caller may give away.
    pub(super) fn subuid(&self, config: &mut Value) {
        own_ids(config);
        self.map(config, "uidMappings", geteuid().as_raw(), "/etc/subuid");
    }

    /// As many gids as the caller may give away.
    pub(super) fn subgid(&self, config: &mut Value) {
        own_ids(config);
        self.map(config, "gidMappings", getegid().as_raw(), "/etc/subgid");
    }

    fn map(&self, config: &mut Value, list: &str, own: u32, file: &str) {
        let found = probe::subordinate_ids(file);
        let first = if geteuid().is_root() { Some(&(0x7000_0000, 65_536)) } else { found.first() };
        let Some((first, size)) = first else {
            return self.refuse(Err(format!("{file} gives the caller none")));
        };
        config["linux"][list] = if own == 0 {
            json!([{ "containerID": 0, "hostID": first, "size": size }])
        } else {
            json!([
                { "containerID": 0, "hostID": own, "size": 1 },
                { "containerID": 1, "hostID": first, "size": size },
            ])
        };
        let range = |(first, count): &(u64, u64)| format!("{first} to {}", first + count.saturating_sub(1));
        *self.detail.borrow_mut() = if geteuid().is_root() {
            "root may give all".to_owned()
        } else {
            found.iter().map(range).collect::<Vec<_>>().join(", ")
        };
    }

    /// A process with the label that we have ourselves, which needs no rule of a policy.
    pub(super) fn selinux(&self, config: &mut Value) {
        let label = fs::read_to_string("/proc/thread-self/attr/current").unwrap_or_default();
        match label.trim_end_matches(['\0', '\n']) {
            "" => self.refuse(Err("not active".to_owned())),
            label => config["process"]["selinuxLabel"] = json!(label),
        }
    }

    /// A class of service of its own.
    pub(super) fn intel_rdt(&self, config: &mut Value) {
        match super::host::resctrl() {
            Ok(features) => *self.detail.borrow_mut() = features,
            Err(words) => self.refuse(Err(words)),
        }
        config["linux"]["intelRdt"] = json!({});
    }

    /// To be paused and resumed.
    pub(super) fn pause(&self) {
        self.pauses.set(true);
    }

    /// In a unit of systemd.
    pub(super) fn systemd(&self) {
        self.systemd.set(true);
    }

    fn bind(&self, socket: &Path) {
        match UnixListener::bind(socket) {
            Ok(listener) => *self.listener.borrow_mut() = Some(listener),
            Err(error) => self.refuse(Err(error.to_string())),
        }
    }

    fn refuse(&self, result: Result<(), String>) {
        if let Err(words) = result {
            *self.refusal.borrow_mut() = Some(words);
        }
    }

    /// Makes the container, waits for its program unless it has a gate, and deletes it.
    fn made(&self, ward: &Ward, id: &ContainerId, config: &Value, gate: bool) -> Result<Option<u8>, String> {
        if let Some(words) = self.refusal.take() {
            return Err(words);
        }
        let in_words = |error: io::Error| error.to_string();
        fs::write(self.bundle.join("config.json"), config.to_string()).map_err(in_words)?;
        let nothing = fs::OpenOptions::new().read(true).write(true).open("/dev/null").map_err(in_words)?;
        let console = self.console.borrow();
        let request = Request {
            streams: match console.as_deref() {
                Some(socket) => Streams::ConsoleSocket(socket),
                None => Streams::Passed([nothing.as_fd(), nothing.as_fd(), nothing.as_fd()]),
            },
            gate,
            // Where limits are asked for the cgroup is what is tried.
            rootless_cgroups: config["linux"].get("resources").is_none() && !geteuid().is_root(),
            systemd: self
                .systemd
                .get()
                .then(|| if geteuid().is_root() { Whose::System } else { Whose::User }),
            ..Request::of(&self.bundle)
        };
        let made = create::create(&ward.store, id, &request).map_err(|error| in_short(&error));
        let ended = made.and_then(|created| {
            let code = (!gate).then(|| foreground::exit_code(created.pidfd.as_fd())).transpose();
            self.pauses.get().then(|| ward.paused(id)).transpose()?;
            code.map_err(|error| in_short(&error))
        });
        let deleted = delete::delete(&ward.store, id, delete::Mode::Force).map_err(|error| in_short(&error));
        let code = ended?;
        deleted?;
        Ok(code)
    }
}

/// Without what runc says before everything.
fn in_short(error: &Error) -> String {
    let words = error.to_string();
    let words =
        words.replace("unable to start container process: ", "").replace("error during container init: ", "");
    words.replace("unable to apply cgroup configuration: ", "")
}
