//! The agent: containers behind a Unix socket. A line is a request, and a line is its answer.
//!
//!     create ID COMMAND…   start ID    exec ID COMMAND…   stats ID   kill ID SIGNAL
//!     pause ID   resume ID   memory ID BYTES   wait ID   oom ID   destroy ID

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};

use brig_plan::spec::{LinuxMemory, LinuxResources};
use brig_runtime::asynchronous::blocking;
use brig_runtime::store::Store;
use brig_runtime::update::Update;
use brig_runtime::{Container, Error, Kind, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// What the agent knows. It holds no lock while anything is done.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) rootfs: PathBuf,
    pub(crate) store: Store,
    containers: Mutex<HashMap<String, Arc<Container>>>,
}

impl Agent {
    pub(crate) fn new(rootfs: PathBuf, store: Store) -> Arc<Self> {
        Arc::new(Self { rootfs, store, containers: Mutex::default() })
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, Arc<Container>>) -> T) -> T {
        look(&mut self.containers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, id: &str) -> Result<Arc<Container>> {
        self.with(|containers| containers.get(id).cloned()).ok_or_else(Error::not_found)
    }
}

/// Serves until the listener fails.
pub(crate) async fn serve(agent: Arc<Agent>, listener: UnixListener) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(Arc::clone(&agent), stream));
    }
}

async fn converse(agent: Arc<Agent>, stream: UnixStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let answer = match carry_out(&agent, &words).await {
            Ok(said) => format!("ok {said}\n"),
            Err(error) => format!("error {error}\n"),
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn carry_out(agent: &Arc<Agent>, words: &[String]) -> Result<String> {
    let unknown = || Error::new(Kind::InvalidId, "no such request");
    let [verb, id, rest @ ..] = words else { return Err(unknown()) };
    if verb == "create" {
        return create(agent, id.clone(), rest.to_vec()).await;
    }
    let container = agent.find(id)?;
    match (verb.as_str(), rest) {
        ("exec", command) => {
            let command = command.to_vec();
            let process = blocking(&container, |container| container.exec(command).spawn()).await?;
            process.wait_async().await.map(code)
        }
        ("wait", []) => container.wait_async().await.map(code),
        ("stats", []) => {
            let stats = blocking(&container, Container::stats).await?.cgroup;
            Ok(format!("{} bytes {} processes", stats.memory.usage.current, stats.pids.current))
        }
        ("kill", [signal]) => {
            let signal = signal.parse().map_err(|_| unknown())?;
            blocking(&container, move |container| container.signal(signal)).await.map(nothing)
        }
        ("memory", [bytes]) => {
            let limit = Some(bytes.parse().map_err(|_| unknown())?);
            let memory = Some(LinuxMemory { limit, ..LinuxMemory::default() });
            let update = Update::of(&LinuxResources { memory, ..LinuxResources::default() })?;
            blocking(&container, move |container| container.update(&update)).await.map(nothing)
        }
        ("oom", []) => {
            let mut events = container.events()?;
            Ok(format!("{:?}", events.next_async().await?))
        }
        ("start", []) => blocking(&container, Container::start).await.map(nothing),
        ("pause", []) => blocking(&container, Container::pause).await.map(nothing),
        ("resume", []) => blocking(&container, Container::resume).await.map(nothing),
        ("destroy", []) => {
            blocking(&container, Container::destroy).await?;
            agent.with(|containers| containers.remove(id));
            Ok(String::new())
        }
        _ => Err(unknown()),
    }
}

async fn create(agent: &Arc<Agent>, id: String, command: Vec<String>) -> Result<String> {
    let name = id.clone();
    let made = blocking(agent, move |agent| {
        Container::builder(&agent.rootfs).command(command).create(&agent.store, &name)
    });
    let container = Arc::new(made.await?);
    agent.with(|containers| containers.insert(id, container));
    Ok(String::new())
}

fn nothing((): ()) -> String {
    String::new()
}

/// As a shell would say it.
fn code(status: ExitStatus) -> String {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.unwrap_or_default().to_string()
}
