//! Units of systemd: starting one for the container, changing its properties, stopping it.
//! Runs in: the parent, on the host. What the properties are was decided in `plan`; here they are carried over the bus.
//!
//! ```text
//! Manager::connect ─▶ start ─▶ Starting ── the caller does something else ──▶ finish: the unit's cgroup is there
//!                     (sent in one piece)                                     (reply, and the job's own signal)
//! ```

mod address;
mod again;
mod bus;
mod failure;
mod inbox;

use brig_dbus::{Call, Property, Value};

pub use address::{Environment, Peer, Server, Socket, Whose, servers};
pub use failure::{Doing, Failure, SystemdError};

use again::{Asked, Presence, is_in_unit};
use bus::Bus;

use crate::until::Until;

/// A unit that is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'u> {
    /// Its whole name: `brig-c1.scope`.
    pub name: &'u str,
    /// All its properties but [`Unit::pids`].
    pub properties: &'u [Property],
    /// The processes that it starts with. A scope without one is refused by systemd; a slice with one as well.
    pub pids: &'u [u32],
}

/// systemd, by way of one connection.
#[derive(Debug)]
pub struct Manager {
    bus: Bus,
    servers: Vec<Server>,
    until: Until,
    presence: Presence,
}

impl Manager {
    /// Connects to the first server that takes us. Whatever is asked of it has to come to an end before that. Where systemd
    /// goes away in the middle, because it re-executes itself, it is asked again when it is back.
    ///
    /// # Errors
    /// `Unreachable`.
    pub fn connect(servers: &[Server], until: impl Into<Until>) -> Result<Manager, SystemdError> {
        let until = until.into();
        let (bus, presence) = again::connect(servers, &until).map_err(failed(Doing::Ask, ""))?;
        Ok(Manager { bus, servers: servers.to_vec(), until, presence })
    }

    /// Asks for a transient unit and does not wait.
    ///
    /// # Errors
    /// The connection fails.
    pub fn start<'u>(mut self, unit: Unit<'u>) -> Result<Starting<'u>, SystemdError> {
        self.bus.watch_jobs();
        let properties: Vec<&Property> = unit.properties.iter().collect();
        let call = self.queue_start(&unit, &properties);
        match self.bus.flush() {
            // Whoever waits for the answer finds the same.
            Err(failure) if self.is_gone(&failure) => {}
            flushed => flushed.map_err(failed(Doing::Start, unit.name))?,
        }
        let (asked, leftover) = (Asked::Once, Leftover::Possible);
        Ok(Starting { manager: self, unit, properties, call, asked, leftover })
    }

    fn queue_start(&mut self, unit: &Unit<'_>, properties: &[&Property]) -> u32 {
        let pids = Value::Array("u".to_owned(), unit.pids.iter().map(|pid| Value::U32(*pid)).collect());
        let pids = (!unit.pids.is_empty()).then(|| pair("PIDs", pids));
        let properties = properties.iter().map(|property| pair(&property.name, property.value.clone()));
        let properties = Value::Array("(sv)".to_owned(), pids.into_iter().chain(properties).collect());
        let others = Value::Array("(sa(sv))".to_owned(), Vec::new());
        self.call("StartTransientUnit", &[Value::text(unit.name), Value::text("replace"), properties, others])
    }

    /// Stops a unit and makes systemd forget that it failed, if it did. One that is not there is fine.
    ///
    /// # Errors
    /// `Refused`, `Job`, `Deadline`, or the connection fails.
    pub fn stop(&mut self, unit: &str) -> Result<(), SystemdError> {
        self.bus.watch_jobs();
        self.until_answered(|manager| manager.stop_once(unit)).map_err(failed(Doing::Stop, unit))
    }

    fn stop_once(&mut self, unit: &str) -> Result<(), Failure> {
        let stop = self.call("StopUnit", &[Value::text(unit), Value::text("replace")]);
        let reset = self.call("ResetFailedUnit", &[Value::text(unit)]);
        let stopped = self.bus.reply(stop, "an answer to StopUnit").map(|values| job(&values));
        let job = match stopped {
            Err(failure) if is(&failure, NO_SUCH_UNIT) => return Ok(()),
            stopped => stopped?.ok_or(Failure::Malformed)?,
        };
        // What failed before is forgotten now. Whether it had is all that the answer would say.
        self.reset_answer(reset)?;
        let result = self.bus.job_end(&job, "the end of the stop job")?;
        if result == DONE {
            return Ok(());
        }
        let reset = self.call("ResetFailedUnit", &[Value::text(unit)]);
        self.reset_answer(reset)?;
        Err(Failure::Job(result))
    }

    fn reset_answer(&mut self, call: u32) -> Result<(), Failure> {
        match self.bus.reply(call, "an answer to ResetFailedUnit") {
            Err(failure) if self.is_gone(&failure) => Err(failure),
            // There is nothing to be forgotten.
            Ok(_) | Err(Failure::Refused { .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Changes properties of a unit until the next boot. Of those that this systemd is too old for none are sent.
    ///
    /// # Errors
    /// `Refused`, `Deadline`, or the connection fails.
    pub fn set_properties(&mut self, unit: &str, properties: &[Property]) -> Result<(), SystemdError> {
        let set = |manager: &mut Manager| manager.set_properties_once(unit, properties);
        self.until_answered(set).map_err(failed(Doing::Update, unit))
    }

    fn set_properties_once(&mut self, unit: &str, properties: &[Property]) -> Result<(), Failure> {
        let mut known: Vec<&Property> = properties.iter().collect();
        loop {
            if known.is_empty() {
                return Ok(());
            }
            let list = known.iter().map(|property| pair(&property.name, property.value.clone()));
            let list = Value::Array("(sv)".to_owned(), list.collect());
            let call = self.call("SetUnitProperties", &[Value::text(unit), Value::Bool(true), list]);
            match self.bus.reply(call, "an answer to SetUnitProperties") {
                Ok(_) => return Ok(()),
                Err(failure) => match self.known_to_it(&failure, &known) {
                    Some(fewer) => known = fewer,
                    None => return Err(failure),
                },
            }
        }
    }

    /// Moves processes into the cgroup of a unit, which systemd does for who may not do it himself.
    ///
    /// # Errors
    /// `Refused`, `Deadline`, or the connection fails.
    pub fn attach(&mut self, unit: &str, pids: &[u32]) -> Result<(), SystemdError> {
        let pids = Value::Array("u".to_owned(), pids.iter().map(|pid| Value::U32(*pid)).collect());
        let words = [Value::text(unit), Value::text(""), pids];
        let attach = |manager: &mut Manager| {
            let call = manager.call("AttachProcessesToUnit", &words);
            manager.bus.reply(call, "an answer to AttachProcessesToUnit").map(drop)
        };
        self.until_answered(attach).map_err(failed(Doing::Attach, unit))
    }

    /// The cgroup that systemd itself was given: empty for the machine's.
    ///
    /// # Errors
    /// `Refused`, `Deadline`, or the connection fails.
    pub fn control_group(&mut self) -> Result<String, SystemdError> {
        self.property("ControlGroup")
    }

    /// Its version.
    ///
    /// # Errors
    /// `Refused`, `Deadline`, or the connection fails.
    pub fn version(&mut self) -> Result<u32, SystemdError> {
        let text = self.property("Version")?;
        version(&text).ok_or(SystemdError {
            doing: Doing::Ask,
            unit: String::new(),
            failure: Failure::Malformed,
        })
    }

    fn property(&mut self, name: &str) -> Result<String, SystemdError> {
        let path = TO_SYSTEMD.path;
        let text = self.until_answered(|manager| manager.property_once(path, INTERFACE, name));
        text.map_err(failed(Doing::Ask, ""))
    }

    fn property_once(&mut self, path: &str, interface: &str, name: &str) -> Result<String, Failure> {
        let serial = self.bus.queue(&Call {
            path,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
            body: &[Value::text(interface), Value::text(name)],
            ..TO_SYSTEMD
        });
        let values = self.bus.reply(serial, "a property of systemd")?;
        values.first().and_then(Value::as_text).map(str::to_owned).ok_or(Failure::Malformed)
    }

    fn call(&mut self, member: &str, body: &[Value]) -> u32 {
        self.bus.queue(&Call { member, body, ..TO_SYSTEMD })
    }

    /// Where a property is refused because systemd may be too old for it: those that it is not too old for. `None` if it is new
    /// enough for all, so that something else is wrong, or does not say how old it is.
    fn known_to_it<'p>(
        &mut self,
        failure: &Failure,
        properties: &[&'p Property],
    ) -> Option<Vec<&'p Property>> {
        let about_a_property = OF_PROPERTIES.iter().any(|name| is(failure, name));
        if !about_a_property || properties.iter().all(|property| property.since == 0) {
            return None;
        }
        let version = self.version().ok()?;
        let known: Vec<&Property> =
            properties.iter().copied().filter(|property| property.since <= version).collect();
        (known.len() < properties.len()).then_some(known)
    }
}

/// A unit that has been asked for.
#[derive(Debug)]
pub struct Starting<'u> {
    manager: Manager,
    unit: Unit<'u>,
    /// Those that this systemd knows.
    properties: Vec<&'u Property>,
    call: u32,
    asked: Asked,
    leftover: Leftover,
}

impl Starting<'_> {
    /// Waits until the unit is there: until its own job has come to its end. A failed unit of the same name is made forgotten,
    /// and the start tried once more. Where systemd goes away meanwhile, it is asked once more too; a unit that is there by then
    /// is ours if our process is in it.
    ///
    /// # Errors
    /// `Refused`, `Job`, `Deadline`, `Lost`, or the connection fails. There may be a unit or not: stop it.
    pub fn finish(mut self) -> Result<Began, SystemdError> {
        let failed = failed(Doing::Start, self.unit.name);
        loop {
            match self.attempt() {
                Err(failure) if self.manager.is_gone(&failure) => {
                    self.manager.come_back(failure).map_err(&failed)?;
                    self.asked = Asked::Again;
                    self.ask();
                }
                ended => return ended.map_err(failed),
            }
        }
    }

    fn ask(&mut self) {
        self.call = self.manager.queue_start(&self.unit, &self.properties);
    }

    fn attempt(&mut self) -> Result<Began, Failure> {
        let job = loop {
            let reply = self.manager.bus.reply(self.call, "an answer to StartTransientUnit");
            let failure = match reply.map(|values| job(&values)) {
                Ok(job) => break job.ok_or(Failure::Malformed)?,
                Err(failure) => failure,
            };
            if is(&failure, UNIT_EXISTS) && self.leftover == Leftover::Possible {
                if let Some(began) = self.there_already()? {
                    return Ok(began);
                }
            } else if let Some(fewer) = self.manager.known_to_it(&failure, &self.properties) {
                self.properties = fewer;
            } else {
                return Err(failure);
            }
            self.ask();
        };
        match self.manager.bus.job_end(&job, "the end of the start job")? {
            result if result == DONE => Ok(Began::Anew),
            result => Err(Failure::Job(result)),
        }
    }

    /// A unit of this name is there. `None`: it is not what was asked for, and may make room.
    fn there_already(&mut self) -> Result<Option<Began>, Failure> {
        if self.unit.pids.is_empty() {
            // A slice may be there before.
            return Ok(Some(Began::Before));
        }
        if self.asked == Asked::Again {
            // First its state, then its processes: systemd moves them in before it calls a scope active.
            let state = self.manager.unit_state(self.unit.name)?;
            if self.unit.pids.iter().all(|pid| is_in_unit(*pid, self.unit.name)) {
                return Ok(Some(Began::Anew));
            }
            if !matches!(state.as_str(), "active" | "failed") {
                // Its job, which nobody will tell us of, has not come to its end; or it is about to be forgotten.
                self.manager.pause()?;
                return Ok(None);
            }
        }
        self.leftover = Leftover::Forgotten;
        let reset = self.manager.call("ResetFailedUnit", &[Value::text(self.unit.name)]);
        self.manager.reset_answer(reset).map(|()| None)
    }
}

/// When a unit began that is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// With this start.
    Anew,
    /// A slice may have been there before.
    Before,
}

/// Whether a unit of the same name may be one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leftover {
    Possible,
    Forgotten,
}

fn failed(doing: Doing, unit: &str) -> impl Fn(Failure) -> SystemdError + use<> {
    let unit = unit.to_owned();
    move |failure| SystemdError { doing, unit: unit.clone(), failure }
}

fn is(failure: &Failure, name: &str) -> bool {
    matches!(failure, Failure::Refused { name: own, .. } if own == name)
}

fn pair(name: &str, value: Value) -> Value {
    Value::Struct(vec![Value::text(name), Value::Variant(Box::new(value))])
}

/// The job of a reply.
fn job(values: &[Value]) -> Option<String> {
    match values {
        [Value::Path(job)] => Some(job.clone()),
        _ => None,
    }
}

/// The number in `257.9-1~deb13u1`, or in `v247.3`.
fn version(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches(|sign: char| !sign.is_ascii_digit());
    digits.split(|sign: char| !sign.is_ascii_digit()).next()?.parse().ok()
}

const INTERFACE: &str = "org.freedesktop.systemd1.Manager";

const TO_SYSTEMD: Call<'_> = Call {
    destination: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: INTERFACE,
    member: "",
    body: &[],
};

const DONE: &str = "done";

const OF_UNITS: &str = "org.freedesktop.systemd1.Unit";

const UNIT_EXISTS: &str = "org.freedesktop.systemd1.UnitExists";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// What systemd answers to a property that it does not know, or to a value that it does not know.
const OF_PROPERTIES: [&str; 3] = [
    "org.freedesktop.DBus.Error.PropertyReadOnly",
    "org.freedesktop.DBus.Error.UnknownProperty",
    "org.freedesktop.DBus.Error.InvalidArgs",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_first_number() {
        for (text, want) in [
            ("257.9-1~deb13u1", Some(257)),
            ("v247.3", Some(247)),
            ("252", Some(252)),
            ("new", None),
            ("", None),
        ] {
            assert_eq!(version(text), want, "{text}");
        }
    }
}
