//! Rules for `mounts`, as far as they need no parsed options.
//! Runs in: the parent, while a configuration is checked.

use super::{Euid, Facts, Warning, id_maps, namespace, no_nul, not_empty, warn};
use crate::mount_options::{IdMapOption, id_map};
use crate::refusal::Refusal;
use crate::spec::{Linux, Mount};

/// Fields that have to be text for mount(2).
pub(super) fn fields(mounts: &[Mount<'_>], warnings: &mut Vec<Warning>) -> Result<(), Refusal> {
    for (i, mount) in mounts.iter().enumerate() {
        not_empty(format_args!("mounts[{i}].destination"), &mount.destination)?;
        if !mount.destination.starts_with('/') {
            let words = "is not absolute: taken from the container's / (deprecated)";
            warn(warnings, format_args!("mounts[{i}].destination"), words);
        }
        for (field, text) in
            [("source", &mount.source), ("destination", &mount.destination), ("type", &mount.fs_type)]
        {
            if text.contains('\0') {
                return Err(invalid(i, mount, field, "mount field contains null byte"));
            }
        }
        for (o, option) in mount.options.iter().enumerate() {
            no_nul(format_args!("mounts[{i}].options[{o}]"), option)?;
        }
    }
    Ok(())
}

/// Without root there has to be a user namespace, and the `uid=` and `gid=` of a filesystem must be mapped in it.
pub(super) fn rootless(mounts: &[Mount<'_>], linux: &Linux<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.euid == Euid::Root {
        return Ok(());
    }
    if namespace(linux, "user").is_none() {
        return Err(Refusal::runc("linux.namespaces", "rootless container requires user namespaces"));
    }
    let Some(maps) = id_maps::effective(linux, facts) else { return Ok(()) };
    for (i, mount) in mounts.iter().enumerate() {
        for (o, option) in mount.options.iter().enumerate() {
            option.split(',').try_for_each(|word| {
                mapped(word, &maps).map_err(|why| {
                    let words = format!("cannot specify {word} mount option for rootless container: {why}");
                    Refusal::runc(format!("mounts[{i}].options[{o}]"), words)
                })
            })?;
        }
    }
    Ok(())
}

fn mapped(option: &str, maps: &id_maps::Maps<'_>) -> Result<(), String> {
    let (kind, map, id) = match option.split_once('=') {
        Some(("uid", id)) => ("uid", maps.uid, id),
        Some(("gid", id)) => ("gid", maps.gid, id),
        _ => return Ok(()),
    };
    match id.parse::<i64>() {
        Ok(id) => id_maps::mapped(kind, map, id),
        // Not a number: for the filesystem to refuse.
        Err(_) => Ok(()),
    }
}

/// Id-mapped mounts.
pub(super) fn id_mapped(mounts: &[Mount<'_>], linux: &Linux<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    for (i, mount) in mounts.iter().enumerate() {
        let has = |words: [&str; 2]| mount.options.iter().any(|option| words.contains(&&**option));
        let own_maps = !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
        let option = mount.options.iter().enumerate().rev().find_map(|(o, word)| Some((o, id_map(word)?)));
        if !own_maps && option.is_none() {
            continue;
        }
        if !has(["bind", "rbind"]) {
            return Err(invalid(i, mount, "options", "id-mapped mounts are only supported for bind-mounts"));
        }
        if facts.euid == Euid::User {
            let words = "id-mapped mounts are not supported for rootless containers";
            return Err(invalid(i, mount, "options", words));
        }
        if let Some((o, IdMapOption { maps: Some(text), .. })) = option {
            let at = format!("mounts[{i}].options[{o}]");
            if own_maps {
                return Err(Refusal::at(at, "maps stand in the option and in uidMappings or gidMappings"));
            }
            let (uid, gid) =
                crate::id_maps::in_option(text, linux).map_err(|words| Refusal::at(&*at, words))?;
            if uid.is_empty() || gid.is_empty() {
                let words = "id-mapped mounts must have both uid and gid mappings specified";
                return Err(invalid(i, mount, "options", words));
            }
            id_maps::sound(&at, &uid)?;
            id_maps::sound(&at, &gid)?;
            continue;
        }
        let both = !mount.uid_mappings.is_empty() && !mount.gid_mappings.is_empty();
        // Without maps of its own a mount takes those of the container's user namespace.
        if !both && (own_maps || namespace(linux, "user").is_none()) {
            let words = "id-mapped mounts must have both uid and gid mappings specified";
            return Err(invalid(i, mount, "uidMappings", words));
        }
        id_maps::sound(&format!("mounts[{i}].uidMappings"), &mount.uid_mappings)?;
        id_maps::sound(&format!("mounts[{i}].gidMappings"), &mount.gid_mappings)?;
    }
    Ok(())
}

fn invalid(i: usize, mount: &Mount<'_>, field: &str, words: &str) -> Refusal {
    let words = format!("invalid mount {:?}: {words}", &*mount.destination);
    Refusal::runc(format!("mounts[{i}].{field}"), words)
}
