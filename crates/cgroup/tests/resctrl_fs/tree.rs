//! What resctrl does: classes, monitoring groups, schemata, tasks. Two L3 caches of 12 bits each, bandwidth in steps of 10 %.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::io::Errno;

/// The whole file system.
pub(crate) struct Tree {
    /// By name; the root's is empty.
    pub(crate) classes: BTreeMap<String, Class>,
    /// In which class and monitoring group a task is that was moved.
    pub(crate) tasks: BTreeMap<i32, (String, Option<String>)>,
    /// How many classes there can be, with the root's.
    pub(crate) closids: usize,
    /// How many monitors there can be: every class and every monitoring group takes one.
    pub(crate) rmids: usize,
    /// Counters that do not say `0`, by path.
    pub(crate) counters: BTreeMap<String, String>,
    /// Directories of `info` that the hardware does not have.
    pub(crate) lacks: Vec<&'static str>,
    /// Every mkdir, rmdir and write, in order: `write gold/schemata "L3:0=f\n"`.
    pub(crate) commands: Vec<String>,
    last_command: String,
}

/// One class of service.
#[derive(Clone)]
pub(crate) struct Class {
    cache: BTreeMap<u64, u64>,
    bandwidth: BTreeMap<u64, u64>,
    /// Names of its monitoring groups.
    pub(crate) monitoring: Vec<String>,
}

/// What is at a path.
pub(crate) enum Node {
    Directory(Vec<String>),
    File(String),
}

impl Default for Tree {
    fn default() -> Self {
        Tree {
            classes: BTreeMap::from([(String::new(), Class::new())]),
            tasks: BTreeMap::new(),
            closids: 4,
            rmids: 8,
            counters: BTreeMap::new(),
            lacks: Vec::new(),
            commands: Vec::new(),
            last_command: "ok".to_owned(),
        }
    }
}

impl Class {
    fn new() -> Class {
        let all = |value| BTreeMap::from([(0, value), (1, value)]);
        Class { cache: all(0xfff), bandwidth: all(100), monitoring: Vec::new() }
    }

    fn schemata(&self) -> String {
        let line = |values: Vec<String>| values.join(";");
        let cache = line(self.cache.iter().map(|(domain, mask)| format!("{domain}={mask:03x}")).collect());
        let bandwidth =
            line(self.bandwidth.iter().map(|(domain, share)| format!("{domain}={share:4}")).collect());
        format!("    L3:{cache}\n    MB:{bandwidth}\n")
    }
}

/// A group: a class, or a monitoring group in one; and the rest of the path.
fn group_of(path: &str) -> (String, Option<String>, String) {
    const OWN: [&str; 8] = ["", "info", "tasks", "schemata", "mode", "cpus", "mon_data", "mon_groups"];
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let (class, rest) = if OWN.contains(&first) { ("", path) } else { (first, rest) };
    match rest.strip_prefix("mon_groups/") {
        Some(below) => {
            let (name, rest) = below.split_once('/').unwrap_or((below, ""));
            (class.to_owned(), Some(name.to_owned()), rest.to_owned())
        }
        None => (class.to_owned(), None, rest.to_owned()),
    }
}

impl Tree {
    /// What is at a path beneath the mount.
    pub(crate) fn node(&self, path: &str) -> Option<Node> {
        let (class_name, monitoring, rest) = group_of(path);
        if class_name.is_empty() && monitoring.is_none() && (rest == "info" || rest.starts_with("info/")) {
            return self.info(rest.strip_prefix("info").unwrap_or_default().trim_start_matches('/'));
        }
        let class = self.classes.get(&class_name)?;
        if let Some(name) = &monitoring
            && !class.monitoring.contains(name)
        {
            return None;
        }
        let names = |names: &[&str]| Node::Directory(names.iter().map(|&name| name.to_owned()).collect());
        let is_class = monitoring.is_none();
        Some(match rest.as_str() {
            "" if class_name.is_empty() && is_class => {
                let mut all: Vec<String> =
                    self.classes.keys().filter(|name| !name.is_empty()).cloned().collect();
                all.extend(
                    ["info", "tasks", "schemata", "mode", "cpus", "mon_data", "mon_groups"]
                        .map(str::to_owned),
                );
                Node::Directory(all)
            }
            "" if is_class => names(&["tasks", "schemata", "mode", "cpus", "mon_data", "mon_groups"]),
            "" => names(&["tasks", "cpus", "mon_data"]),
            "tasks" => Node::File(self.list_tasks(&class_name, monitoring.as_deref())),
            "cpus" => Node::File("0\n".to_owned()),
            "schemata" if is_class => Node::File(class.schemata()),
            "mode" if is_class => Node::File("shareable\n".to_owned()),
            "mon_groups" if is_class => Node::Directory(class.monitoring.clone()),
            "mon_data" => names(&["mon_L3_01", "mon_L3_00", "mon_PERF_PKG_00"]),
            "mon_data/mon_L3_00" | "mon_data/mon_L3_01" => {
                names(&["llc_occupancy", "mbm_total_bytes", "mbm_local_bytes", "mon_sub_L3_00"])
            }
            "mon_data/mon_PERF_PKG_00" | "mon_data/mon_L3_00/mon_sub_L3_00" => names(&[]),
            other => {
                let (_, event) = other.strip_prefix("mon_data/mon_L3_0")?.split_once('/')?;
                ["llc_occupancy", "mbm_total_bytes", "mbm_local_bytes"].contains(&event).then_some(())?;
                Node::File(self.counters.get(path).cloned().unwrap_or("0".to_owned()) + "\n")
            }
        })
    }

    fn info(&self, path: &str) -> Option<Node> {
        let (resource, file) = path.split_once('/').unwrap_or((path, ""));
        if self.lacks.contains(&resource) {
            return None;
        }
        let files: &[(&str, String)] = match resource {
            "" => {
                let all = ["L3", "MB", "L3_MON", "last_cmd_status"].into_iter();
                return Some(Node::Directory(
                    all.filter(|name| !self.lacks.contains(name)).map(str::to_owned).collect(),
                ));
            }
            "last_cmd_status" => return Some(Node::File(self.last_command.clone() + "\n")),
            "L3" => &[
                ("cbm_mask", "fff".to_owned()),
                ("min_cbm_bits", "1".to_owned()),
                ("num_closids", self.closids.to_string()),
            ],
            "MB" => &[
                ("bandwidth_gran", "10".to_owned()),
                ("delay_linear", "1".to_owned()),
                ("min_bandwidth", "10".to_owned()),
                ("num_closids", self.closids.to_string()),
            ],
            "L3_MON" => &[
                ("num_rmids", self.rmids.to_string()),
                ("mon_features", "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes".to_owned()),
            ],
            _ => return None,
        };
        if file.is_empty() {
            return Some(Node::Directory(files.iter().map(|(name, _)| (*name).to_owned()).collect()));
        }
        files.iter().find(|(name, _)| *name == file).map(|(_, text)| Node::File(format!("{text}\n")))
    }

    fn list_tasks(&self, class: &str, monitoring: Option<&str>) -> String {
        let is_in = |(_, (in_class, in_monitoring)): &(&i32, &(String, Option<String>))| {
            in_class == class && (monitoring.is_none() || in_monitoring.as_deref() == monitoring)
        };
        let alive = |pid: &&i32| Path::new(&format!("/proc/{pid}")).exists();
        self.tasks
            .iter()
            .filter(is_in)
            .map(|(pid, _)| pid)
            .filter(alive)
            .map(|pid| format!("{pid}\n"))
            .collect()
    }

    fn fail<T>(&mut self, errno: Errno, words: impl Into<String>) -> Result<T, Errno> {
        self.last_command = words.into();
        Err(errno)
    }

    fn begin(&mut self, command: String) {
        self.commands.push(command);
        self.last_command = "ok".to_owned();
    }

    /// mkdir(2).
    pub(crate) fn mkdir(&mut self, path: &str) -> Result<(), Errno> {
        self.begin(format!("mkdir {path}"));
        if path.contains('\n') {
            return Err(Errno::INVAL);
        }
        let used: usize = self.classes.values().map(|class| 1 + class.monitoring.len()).sum();
        let (class, monitoring, rest) = group_of(path);
        match monitoring {
            None if !path.contains('/') && !self.lacks.contains(&"L3") => {
                if self.classes.len() >= self.closids {
                    return self.fail(Errno::NOSPC, "Out of CLOSIDs");
                }
                if used >= self.rmids {
                    return self.fail(Errno::NOSPC, "Out of RMIDs");
                }
                self.classes.insert(path.to_owned(), Class::new());
                Ok(())
            }
            Some(name) if rest.is_empty() => {
                if used >= self.rmids {
                    return self.fail(Errno::NOSPC, "Out of RMIDs");
                }
                self.classes.get_mut(&class).ok_or(Errno::NODEV)?.monitoring.push(name);
                Ok(())
            }
            None | Some(_) => Err(Errno::PERM),
        }
    }

    /// rmdir(2).
    pub(crate) fn rmdir(&mut self, path: &str) -> Result<(), Errno> {
        self.begin(format!("rmdir {path}"));
        let (class, monitoring, rest) = group_of(path);
        if !rest.is_empty() {
            return Err(Errno::PERM);
        }
        match monitoring {
            Some(name) => {
                self.classes.get_mut(&class).ok_or(Errno::NOENT)?.monitoring.retain(|other| *other != name);
                for (in_class, in_monitoring) in self.tasks.values_mut() {
                    if *in_class == class && in_monitoring.as_ref() == Some(&name) {
                        *in_monitoring = None;
                    }
                }
            }
            None => {
                self.classes.remove(&class).ok_or(Errno::NOENT)?;
                self.tasks.retain(|_, (in_class, _)| *in_class != class);
            }
        }
        Ok(())
    }

    /// write(2).
    pub(crate) fn write(&mut self, path: &str, text: &str) -> Result<(), Errno> {
        let (class, monitoring, rest) = group_of(path);
        match rest.as_str() {
            "tasks" => self.write_task(path, class, monitoring, text),
            "schemata" if monitoring.is_none() => self.write_schemata(path, &class, text),
            _ => Err(Errno::ACCESS),
        }
    }

    fn write_task(
        &mut self,
        path: &str,
        class: String,
        monitoring: Option<String>,
        text: &str,
    ) -> Result<(), Errno> {
        let pid: i32 = text.trim().parse().map_err(|_| Errno::INVAL)?;
        self.begin(format!("write {path} a task"));
        if pid <= 0 || !Path::new(&format!("/proc/{pid}")).exists() {
            return self.fail(Errno::SRCH, format!("No task {pid}"));
        }
        let now_in = self.tasks.get(&pid).map_or("", |(class, _)| class.as_str());
        if monitoring.is_some() && now_in != class {
            return self.fail(Errno::INVAL, "Can't move task to different control group");
        }
        self.tasks.insert(pid, (class, monitoring));
        Ok(())
    }

    fn write_schemata(&mut self, path: &str, class: &str, text: &str) -> Result<(), Errno> {
        let Some(lines) = text.strip_suffix('\n') else { return Err(Errno::INVAL) };
        self.begin(format!("write {path} {text:?}"));
        let mut staged = self.classes.get(class).ok_or(Errno::NOENT)?.clone();
        let mut said: Vec<(String, u64)> = Vec::new();
        for line in lines.split('\n') {
            let Some((resource, values)) = line.split_once(':') else {
                return self.fail(Errno::INVAL, "Missing ':'");
            };
            let resource = resource.trim();
            if values.is_empty() {
                return self.fail(Errno::INVAL, format!("Missing '{resource}' value"));
            }
            if !["L3", "MB"].contains(&resource) {
                return self.fail(Errno::INVAL, format!("Unknown or unsupported resource name '{resource}'"));
            }
            for value in values.split(';').take_while(|value| !value.is_empty()) {
                let pair =
                    value.split_once('=').and_then(|(id, value)| Some((id.parse::<u64>().ok()?, value)));
                let Some((domain, value)) = pair else {
                    return self.fail(Errno::INVAL, "Missing '=' or non-numeric domain");
                };
                if domain > 1 {
                    return Err(Errno::INVAL);
                }
                if said.contains(&(resource.to_owned(), domain)) {
                    return self.fail(Errno::INVAL, format!("Duplicate domain {domain}"));
                }
                said.push((resource.to_owned(), domain));
                let read = if resource == "L3" { mask(value.trim()) } else { share(value.trim()) };
                match read {
                    Ok(number) if resource == "L3" => staged.cache.insert(domain, number),
                    Ok(number) => staged.bandwidth.insert(domain, number),
                    Err(words) => return self.fail(Errno::INVAL, words),
                };
            }
        }
        self.classes.insert(class.to_owned(), staged);
        Ok(())
    }
}

fn mask(text: &str) -> Result<u64, String> {
    let value = u64::from_str_radix(text, 16).map_err(|_| format!("Non-hex character in the mask {text}"))?;
    if value == 0 || value > 0xfff {
        return Err("Mask out of range".to_owned());
    }
    let shifted = value >> value.trailing_zeros();
    if shifted & (shifted + 1) != 0 {
        return Err(format!("The mask {value:x} has non-consecutive 1-bits"));
    }
    Ok(value)
}

fn share(text: &str) -> Result<u64, String> {
    let value: u64 = text.parse().map_err(|_| format!("Invalid MB value {text}"))?;
    if !(10..=100).contains(&value) {
        return Err(format!("MB value {value} out of range [10,100]"));
    }
    Ok(value.next_multiple_of(10))
}
