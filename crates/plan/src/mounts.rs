//! `mounts`: each entry in the form in which it is carried out.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.
//!
//! Destinations are looked at here by their text alone. `brig-init` resolves them beneath the rootfs and has to look
//! again: at what lies under `/proc` once links are followed, and at whether what is bound over `/proc` is a procfs.

use brig_handshake::Text;
use brig_handshake::mounts::{
    AttrChange, Bind, Extra, Filesystem, Mount, Opener, SourceLink, Target, TargetLink, What,
};

use crate::annotations::Wanted;
use crate::cgroup_mount;
use crate::host::Host;
use crate::id_maps;
use crate::kernel::{clone, ms};
use crate::mount_options::{self, MountOptions, Unnamed};
use crate::namespaces::Listed;
use crate::options::Options;
use crate::plan::{IdMapping, MountMaps, ParentSource};
use crate::refusal::Refusal;
use crate::spec::{self, Linux, Spec};
use crate::text::{beneath, clean, text, without_root};

/// All mounts, and what the parent has to do with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mounts<'a> {
    /// In the order of the file.
    pub(crate) mounts: Vec<Mount<'a>>,
    /// Bind sources that the parent opens.
    pub(crate) sources: Vec<ParentSource>,
    /// `/dev` is a bind mount: nothing is made in it.
    pub(crate) foreign_dev: bool,
    /// What is odd.
    pub(crate) warnings: Vec<String>,
}

/// The files of a procfs that may be mounted over: all else there is the kernel's word, and stays.
const OVER_PROC: [&str; 10] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// Where sd_notify(3) messages go: the directory, as seen from inside.
const NOTIFY_DIRECTORY: &str = "/run/notify";

/// Plans `mounts`, and the notify socket's.
pub(crate) fn plan<'a>(
    spec: &Spec<'_>,
    wanted: &Wanted<'_>,
    listed: &Listed<'_>,
    host: &Host,
    options: &Options<'_>,
) -> Result<Mounts<'a>, Refusal> {
    let mut plan = Mounts::default();
    if !listed.creates(clone::NEWNS) {
        nothing_is_mounted(spec, listed)?;
        if options.notify_socket {
            plan.warnings.push("linux.namespaces: no notify socket without a new mount namespace".to_owned());
        }
        return Ok(plan);
    }
    let no_linux = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&no_linux);
    let label = Label { text: &linux.mount_label, option: wanted.label_option.unwrap_or("context") };
    if !label.text.is_empty() && !host.selinux {
        return Err(Refusal::runc("linux.mountLabel", crate::process::SELINUX_IS_OFF));
    }
    let root = spec.root.as_ref().map_or("", |root| &*root.path);
    let rootfs = clean(&beneath(options.bundle, root));
    let surroundings = Surroundings { linux, listed, host, bundle: options.bundle, rootfs: &rootfs, label };
    for (index, mount) in spec.mounts.iter().enumerate() {
        surroundings.add(&mut plan, index, mount)?;
    }
    if options.notify_socket {
        // It stands nowhere in the file: its index becomes the one that no entry has.
        surroundings.add(&mut plan, usize::MAX, &notify_socket(options))?;
    }
    Ok(plan)
}

fn nothing_is_mounted(spec: &Spec<'_>, listed: &Listed<'_>) -> Result<(), Refusal> {
    let whose = match listed.joins(clone::NEWNS) {
        true => "in a mount namespace that is joined",
        false => "in the host's mount namespace",
    };
    match spec.mounts.is_empty() {
        true => Ok(()),
        false => Err(Refusal::at("mounts", format!("nothing is ever mounted {whose}"))),
    }
}

/// What a mount depends on besides its own entry.
struct Surroundings<'s> {
    linux: &'s Linux<'s>,
    listed: &'s Listed<'s>,
    host: &'s Host,
    bundle: &'s str,
    rootfs: &'s str,
    label: Label<'s>,
}

/// `linux.mountLabel`, and the mount option that says it.
struct Label<'s> {
    text: &'s str,
    option: &'s str,
}

impl Surroundings<'_> {
    fn add(&self, plan: &mut Mounts<'_>, index: usize, mount: &spec::Mount<'_>) -> Result<(), Refusal> {
        let options = mount_options::read(&mount.options);
        let destination = without_root(self.rootfs, clean(&mount.destination));
        allowed(index, &destination, mount, &options)?;
        let what = if is_bind(mount, &options) {
            self.sources(plan, index, mount, &options)?;
            plan.foreign_dev |= destination == "/dev";
            What::Bind(self.bind(index, mount, &options)?)
        } else if mount.fs_type == "cgroup" {
            if !options.data.is_empty() {
                plan.warnings.push(format!("mounts[{index}].options: cgroup takes none of its own: ignored"));
            }
            cgroup_mount::plan(index, &options, &self.host.cgroups, self.listed)?
        } else {
            What::Filesystem(self.filesystem(plan, index, mount, &destination, &options)?)
        };
        let (set, clear) = (options.recursive_set, options.recursive_clear);
        plan.mounts.push(Mount {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            destination: text(destination, format_args!("mounts[{index}].destination"))?,
            what,
            propagation: options.propagation,
            recursive: (set | clear != 0).then_some(AttrChange { set, clear }),
        });
        Ok(())
    }

    fn bind<'a>(
        &self,
        index: usize,
        mount: &spec::Mount<'_>,
        options: &MountOptions<'_>,
    ) -> Result<Bind<'a>, Refusal> {
        if !options.data.is_empty() {
            let words = "bind mounts cannot have any filesystem-specific options applied";
            let words = format!("invalid mount {:?}: {words}", &*mount.destination);
            return Err(Refusal::runc(format!("mounts[{index}].options"), words));
        }
        if options.source_link == SourceLink::Copied && options.target_link == TargetLink::Covered {
            let words = "copy-symlink makes a link, and dest-nofollow mounts over one";
            return Err(Refusal::at(format!("mounts[{index}].options"), words));
        }
        Ok(Bind {
            source: text(beneath(self.bundle, &mount.source), format_args!("mounts[{index}].source"))?,
            recursive: options.set & ms::REC != 0,
            attrs: options.bind_attributes(self.unnamed()).map(|(set, clear)| AttrChange { set, clear }),
            opener: self.opener(mount, options),
            source_link: options.source_link,
            target_link: options.target_link,
        })
    }

    fn unnamed(&self) -> Unnamed {
        match self.listed.has(clone::NEWUSER) || self.host.in_user_namespace {
            true => Unnamed::Kept,
            false => Unnamed::Cleared,
        }
    }

    fn opener(&self, mount: &spec::Mount<'_>, options: &MountOptions<'_>) -> Opener {
        if is_id_mapped(mount, options) {
            // What is mounted below the rootfs already shows only in the container's mount namespace.
            return match without_root(self.rootfs, clean(&mount.source)) == clean(&mount.source) {
                true => Opener::Parent,
                false => Opener::InitForParent,
            };
        }
        // An unprivileged parent sees no more than the container's root does.
        match self.listed.has(clone::NEWUSER) && self.host.euid == 0 {
            true => Opener::InitThenParent,
            false => Opener::Init,
        }
    }

    fn sources(
        &self,
        plan: &mut Mounts<'_>,
        index: usize,
        mount: &spec::Mount<'_>,
        options: &MountOptions<'_>,
    ) -> Result<(), Refusal> {
        if self.opener(mount, options) == Opener::Init {
            return Ok(());
        }
        let own = !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
        let in_option = options.id_map.and_then(|word| word.maps);
        let maps = match in_option {
            Some(text) => {
                let (uid, gid) = id_maps::in_option(text, self.linux)
                    .map_err(|words| Refusal::at(format!("mounts[{index}].options"), words))?;
                MountMaps::Own(id_maps::of_mount(&uid, &gid))
            }
            None if own => MountMaps::Own(id_maps::of_mount(&mount.uid_mappings, &mount.gid_mappings)),
            None => MountMaps::Container,
        };
        let recursive = options.id_map.is_some_and(|word| word.recursive);
        let own = maps != MountMaps::Container;
        let id_map = is_id_mapped(mount, options).then_some(IdMapping { maps, recursive });
        if !own && id_map.is_some() && !self.listed.has(clone::NEWUSER) {
            let words = "an id-mapped mount needs maps, its own or those of a user namespace";
            return Err(Refusal::at(format!("mounts[{index}].uidMappings"), words));
        }
        let mount = u32::try_from(plan.mounts.len()).unwrap_or(u32::MAX);
        plan.sources.push(ParentSource { mount, id_map });
        Ok(())
    }

    fn filesystem<'a>(
        &self,
        plan: &mut Mounts<'_>,
        index: usize,
        mount: &spec::Mount<'_>,
        destination: &str,
        options: &MountOptions<'_>,
    ) -> Result<Filesystem<'a>, Refusal> {
        let fs_type = &*mount.fs_type;
        if (options.source_link, options.target_link) != (SourceLink::Followed, TargetLink::Followed) {
            let words = "copy-symlink, src-nofollow and dest-nofollow are for bind mounts";
            return Err(Refusal::at(format!("mounts[{index}].options"), words));
        }
        if fs_type.is_empty() {
            let words = "is empty, and the options say neither bind nor rbind";
            return Err(Refusal::at(format!("mounts[{index}].type"), words));
        }
        let tmpfs = fs_type == "tmpfs";
        if options.copy_up && !tmpfs {
            plan.warnings.push(format!("mounts[{index}].options: tmpcopyup is for a tmpfs: ignored"));
        }
        // Written to until devices, links and copied files are there.
        let later = options.set & ms::RDONLY != 0 && (tmpfs || destination == "/dev");
        let extra = match fs_type {
            "tmpfs" if options.copy_up => Extra::CopyUp,
            "mqueue" if !self.label.text.is_empty() => {
                Extra::Label(text(self.label.text, format_args!("linux.mountLabel"))?)
            }
            _ => Extra::None,
        };
        Ok(Filesystem {
            source: text(&*mount.source, format_args!("mounts[{index}].source"))?,
            fs_type: text(fs_type, format_args!("mounts[{index}].type"))?,
            flags: if later { options.set & !ms::RDONLY } else { options.set },
            data: self.data(index, fs_type, options)?,
            target: target(fs_type, options),
            extra,
            remount: later.then_some(options.set | ms::REMOUNT | ms::BIND),
        })
    }

    fn data(
        &self,
        index: usize,
        fs_type: &str,
        options: &MountOptions<'_>,
    ) -> Result<Option<Text<'static>>, Refusal> {
        let mut data = options.data.join(",");
        if !self.label.text.is_empty() && !matches!(fs_type, "proc" | "sysfs" | "mqueue") {
            let comma = if data.is_empty() { "" } else { "," };
            data = format!("{data}{comma}{}=\"{}\"", self.label.option, self.label.text);
        }
        crate::text::optional_text(&data, format_args!("mounts[{index}].options"))
    }
}

/// The type counts for nothing where the options say so (config.md, "Mounts").
fn is_bind(mount: &spec::Mount<'_>, options: &MountOptions<'_>) -> bool {
    options.set & ms::BIND != 0 || mount.fs_type == "bind"
}

fn is_id_mapped(mount: &spec::Mount<'_>, options: &MountOptions<'_>) -> bool {
    options.id_map.is_some() || !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty()
}

/// Places over which nothing is mounted: the root itself, and what is the kernel's.
fn allowed(
    index: usize,
    destination: &str,
    mount: &spec::Mount<'_>,
    options: &MountOptions<'_>,
) -> Result<(), Refusal> {
    let refuse = |words| Err(Refusal::runc(format!("mounts[{index}].destination"), words));
    match destination {
        "/" => refuse("mountpoint \"/\" is on the top of rootfs".to_owned()),
        "/proc" if is_bind(mount, options) || mount.fs_type == "proc" => Ok(()),
        "/proc" => refuse(format!("{destination:?} cannot be mounted because it is not of type proc")),
        inside if inside.starts_with("/proc/") && !OVER_PROC.contains(&inside) => {
            refuse(format!("{destination:?} cannot be mounted because it is inside /proc"))
        }
        _ => Ok(()),
    }
}

fn target(fs_type: &str, options: &MountOptions<'_>) -> Target {
    match fs_type {
        "proc" | "sysfs" => Target::OrdinaryDirectory,
        "tmpfs" if !options.data.iter().any(|word| word.starts_with("mode=")) => Target::DirectoryGivesMode,
        _ => Target::Directory,
    }
}

/// The directory that holds the container's notify socket, as an entry of `mounts`.
fn notify_socket(options: &Options<'_>) -> spec::Mount<'static> {
    const WORDS: [&str; 5] = ["bind", "nosuid", "noexec", "nodev", "ro"];
    spec::Mount {
        destination: NOTIFY_DIRECTORY.into(),
        source: format!("{}/notify", options.state_directory).into(),
        options: WORDS.map(spec::Str::from).to_vec(),
        ..spec::Mount::default()
    }
}
