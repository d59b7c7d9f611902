//! What `mounts` entries of type `cgroup` come to: it depends on how control groups are mounted on the host.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use brig_handshake::mounts::{Cgroup1, Cgroup2, Hierarchy, Instance, Link, What};

use crate::host::{Cgroups, V1Hierarchy};
use crate::kernel::{clone, ms};
use crate::mount_options::MountOptions;
use crate::namespaces::Listed;
use crate::refusal::Refusal;
use crate::text::text;

/// Where both versions are found on the host.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// What is mounted for the `index`th mount, of type `cgroup`.
pub(crate) fn plan<'a>(
    index: usize,
    options: &MountOptions<'_>,
    cgroups: &Cgroups,
    listed: &Listed<'_>,
) -> Result<What<'a>, Refusal> {
    match cgroups {
        Cgroups::None => Err(Refusal::at(
            format!("mounts[{index}].type"),
            format!("no cgroups are mounted at {MOUNT_POINT}"),
        )),
        Cgroups::V2 { container } => version_2(index, options, container, listed).map(What::Cgroup2),
        Cgroups::V1 { hierarchies } => version_1(index, options, hierarchies, listed).map(What::Cgroup1),
    }
}

/// A new instance shows the cgroup namespace's root. What is bound instead has to show the same.
fn version_2<'a>(
    index: usize,
    options: &MountOptions<'_>,
    container: &str,
    listed: &Listed<'_>,
) -> Result<Cgroup2<'a>, Refusal> {
    let (instance, source) = match listed.has(clone::NEWCGROUP) {
        true => (Instance::New, container),
        false => (Instance::Bound, MOUNT_POINT),
    };
    let source = text(source, format_args!("mounts[{index}]"))?;
    Ok(Cgroup2 { flags: options.set & !(ms::BIND | ms::REC), instance, source })
}

fn version_1<'a>(
    index: usize,
    options: &MountOptions<'_>,
    hierarchies: &[V1Hierarchy],
    listed: &Listed<'_>,
) -> Result<Cgroup1<'a>, Refusal> {
    const TMPFS: u32 = ms::NOSUID | ms::NODEV | ms::NOEXEC;
    let namespace = listed.has(clone::NEWCGROUP);
    let mut plan = Cgroup1 {
        flags: options.set & !(ms::BIND | ms::REC) | TMPFS,
        hierarchies: Vec::with_capacity(hierarchies.len()),
        links: Vec::new(),
        remount: (options.set & ms::RDONLY != 0).then_some(ms::REMOUNT | ms::BIND | ms::RDONLY | TMPFS),
    };
    let text = |value: &str| text(value, format_args!("mounts[{index}]"));
    for V1Hierarchy { directory, controllers, container, caller } in hierarchies {
        plan.hierarchies.push(Hierarchy {
            name: text(directory)?,
            data: if namespace { Some(text(&new_instance(controllers))?) } else { None },
            source: text(container)?,
            fallback: caller.as_deref().map(text).transpose()?,
        });
        for controller in controllers {
            let name = controller.strip_prefix("name=").unwrap_or(controller);
            if hierarchies.iter().all(|other| other.directory != name) {
                plan.links.push(Link { path: text(name)?, target: text(directory)? });
            }
        }
    }
    Ok(plan)
}

/// mount(2) data that names a hierarchy: its controllers, or a name and the word that it has none (cgroups(7)).
fn new_instance(controllers: &[String]) -> String {
    match controllers {
        [name] if name.starts_with("name=") => format!("none,{name}"),
        controllers => controllers.join(","),
    }
}
