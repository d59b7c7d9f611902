//! `update`. Runs in: parent.

use std::{fs, io::Read as _};

use brig_plan::{
    load,
    spec::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxPids, LinuxResources},
};
use brig_runtime::{
    Error, intel_rdt,
    store::ContainerId,
    update::{self, Update},
};

use super::{Outcome, io_words, store};
use crate::{
    args::{
        Global,
        command::{LimitWords, UpdateArgs, UpdateLimits},
    },
    exit::{Exit, Failure},
};

pub(super) fn run(global: &Global, args: UpdateArgs) -> Outcome {
    let id = ContainerId::new(&args.id)?;
    let store = store::open(global)?;
    let text = read(&args.limits)?;
    let resources = match &args.limits {
        UpdateLimits::File(_) | UpdateLimits::Stdin => load::resources(&text).map_err(Error::from)?,
        UpdateLimits::Words(words) => of_words(words),
    };
    let schema = |text: Option<String>| text.unwrap_or_default();
    let intel_rdt = intel_rdt::Update {
        l3_cache: schema(args.l3_cache_schema),
        memory_bandwidth: schema(args.mem_bw_schema),
    };
    update::update(&store, &id, &Update { intel_rdt, ..Update::of(&resources)? })
        .map_err(|error| store::cgroup_failure("update", error))?;
    Ok(Exit::Success)
}

fn read(limits: &UpdateLimits) -> Result<Vec<u8>, Failure> {
    let failed = |what: &str, error: &std::io::Error| Failure::new(format!("{what}: {}", io_words(error)));
    match limits {
        UpdateLimits::File(path) => {
            fs::read(path).map_err(|error| failed(&format!("open {}", path.display()), &error))
        }
        UpdateLimits::Stdin => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).map_err(|error| failed("read /dev/stdin", &error))?;
            Ok(text)
        }
        UpdateLimits::Words(_) => Ok(Vec::new()),
    }
}

/// The object that says the same.
fn of_words(words: &LimitWords) -> LinuxResources<'_> {
    if words.kernel_memory {
        log::warn!("Kernel memory settings are ignored and will be removed");
    }
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default().into();
    LinuxResources {
        memory: Some(LinuxMemory {
            limit: words.memory,
            reservation: words.memory_reservation,
            swap: words.memory_swap,
            ..LinuxMemory::default()
        }),
        cpu: Some(LinuxCpu {
            shares: words.cpu_shares,
            quota: words.cpu_quota,
            burst: words.cpu_burst,
            period: words.cpu_period,
            realtime_runtime: words.cpu_rt_runtime,
            realtime_period: words.cpu_rt_period,
            cpus: text(&words.cpuset_cpus),
            mems: text(&words.cpuset_mems),
            idle: words.cpu_idle,
        }),
        pids: words.pids_limit.map(|limit| LinuxPids { limit: Some(limit) }),
        block_io: words
            .blkio_weight
            .map(|weight| LinuxBlockIo { weight: Some(weight), ..LinuxBlockIo::default() }),
        ..LinuxResources::default()
    }
}
