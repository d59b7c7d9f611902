//! What `--timing` prints: where the milliseconds went. Runs in: parent; pure.

use std::time::Duration;

use brig_runtime::timeline::{Actor, Nature, Phase};

use super::Colour;

/// What is shorter than this shares a line with others.
const SHORT: Duration = Duration::from_micros(50);

/// All phases of one name, of one process.
struct Row {
    name: String,
    times: usize,
    took: Duration,
    cpu: Option<Duration>,
    queued: Option<Duration>,
    blocked: Option<Duration>,
}

impl Row {
    const fn new(name: String) -> Self {
        Self { name, times: 0, took: Duration::ZERO, cpu: None, queued: None, blocked: None }
    }

    fn add(&mut self, phase: &Phase) {
        let spent = phase.spent.as_ref();
        self.times += 1;
        self.took += phase.took;
        self.cpu = sum(self.cpu, spent.map(|spent| spent.cpu));
        self.queued = sum(self.queued, spent.and_then(|spent| spent.queued));
        self.blocked = sum(self.blocked, spent.map(|spent| spent.blocked));
    }

    fn cells(&self, indent: &str) -> [String; 5] {
        let name = match self.times {
            0 | 1 => format!("{indent}{}", self.name),
            times => format!("{indent}{} ({times})", self.name),
        };
        [
            name,
            milliseconds(Some(self.took)),
            milliseconds(self.cpu),
            milliseconds(self.queued),
            milliseconds(self.blocked),
        ]
    }
}

/// Of what is known.
fn sum(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.map_or(other, |one| Some(one + other.unwrap_or_default()))
}

fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "-".to_owned(), |duration| format!("{:.2}", duration.as_secs_f64() * 1000.0))
}

/// A line on the whole, and below each process its phases, in the order in which they began. `program` is the phase in which the
/// container's program ran, which is not brig's time. On a terminal the heading is bold.
#[must_use]
pub fn table(title: &str, phases: &[Phase], program: &str, colour: Colour) -> String {
    let is_program = |phase: &&Phase| phase.name == program;
    let parents = || phases.iter().filter(|phase| phase.actor == Actor::Parent);
    let total = |of: &mut dyn Iterator<Item = &Phase>| of.map(|phase| phase.took).sum::<Duration>();
    let own = total(&mut parents().filter(|phase| !is_program(phase)));
    let mut heading = format!("brig {title}: {} ms", milliseconds(Some(own)));
    if parents().any(|phase| is_program(&phase)) {
        let ran = milliseconds(Some(total(&mut parents().filter(is_program))));
        heading += &format!(", and {ran} ms in which the program ran");
    }
    let mut rows = vec![["", "ms", "on a CPU", "queued", "blocked"].map(str::to_owned)];
    for actor in [Actor::Parent, Actor::Intermediate, Actor::Init] {
        let of: Vec<&Phase> =
            phases.iter().filter(|phase| phase.actor == actor && !is_program(phase)).collect();
        rows.extend(of_process(actor, &of));
    }
    let heading = match colour {
        Colour::On => format!("\x1b[1m{heading}\x1b[0m\n"),
        Colour::Off => heading + "\n",
    };
    heading + &lined_up(&rows)
}

fn of_process(actor: Actor, phases: &[&Phase]) -> Vec<[String; 5]> {
    let mut whole = Row::new(actor.name().to_owned());
    let mut waits = Row::new("of this, waiting for brig".to_owned());
    let mut named: Vec<Row> = Vec::new();
    for phase in phases {
        if phase.nature == Nature::WaitWithin {
            waits.add(phase);
            continue;
        }
        whole.add(phase);
        let known = named.iter().position(|row| row.name == phase.name);
        let place = known.unwrap_or_else(|| {
            named.push(Row::new(phase.name.to_owned()));
            named.len() - 1
        });
        named[place].add(phase);
    }
    if whole.times == 0 {
        return Vec::new();
    }
    whole.times = 1;
    let (long, short): (Vec<Row>, Vec<Row>) = named.into_iter().partition(|row| row.took >= SHORT);
    let mut rows = vec![whole.cells("")];
    rows.extend(long.iter().map(|row| row.cells("  ")));
    rows.extend(together(&short).map(|row| row.cells("  ")));
    rows.extend((waits.times > 0).then(|| waits.cells("  ")));
    rows
}

/// What takes less than a line is worth.
fn together(short: &[Row]) -> Option<Row> {
    if short.is_empty() {
        return None;
    }
    let mut all = Row::new(format!("{} shorter than {} ms", short.len(), milliseconds(Some(SHORT))));
    for row in short {
        all.took += row.took;
        all.cpu = sum(all.cpu, row.cpu);
        all.queued = sum(all.queued, row.queued);
        all.blocked = sum(all.blocked, row.blocked);
    }
    Some(all)
}

/// The first column to the left, numbers to the right.
fn lined_up(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let [name, numbers @ ..] = row;
        let numbers = numbers.iter().zip(&widths[1..]).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("{name:first$}{}\n", numbers.collect::<String>(), first = widths[0])
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use brig_runtime::timeline::Nature;

    use super::{super::trace::tests::phase, *};

    #[test]
    fn phases_of_one_name_share_a_line_and_waits_within_are_counted_once() {
        let phases = [
            phase(Actor::Parent, "plan", Nature::Work, 0, 1_000_000),
            phase(Actor::Parent, "short", Nature::Work, 1_000_000, 20_000),
            phase(Actor::Parent, "wait for brig-init", Nature::Wait, 1_020_000, 4_000_000),
            phase(Actor::Parent, "the program runs", Nature::Wait, 5_020_000, 12_000_000),
            phase(Actor::Init, "mount", Nature::Work, 1_100_000, 2_000_000),
            phase(Actor::Init, "open the mount source", Nature::WaitWithin, 1_200_000, 500_000),
            phase(Actor::Init, "mount", Nature::Work, 3_100_000, 1_000_000),
        ];
        let expected = "\
brig run c1: 5.02 ms, and 12.00 ms in which the program ran
                               ms  on a CPU  queued  blocked
brig                         5.02      2.51       -     2.51
  plan                       1.00      0.50       -     0.50
  wait for brig-init         4.00      2.00       -     2.00
  1 shorter than 0.05 ms     0.02      0.01       -     0.01
brig-init                    3.00      1.50       -     1.50
  mount (2)                  3.00      1.50       -     1.50
  of this, waiting for brig  0.50      0.25       -     0.25
";
        assert_eq!(table("run c1", &phases, "the program runs", Colour::Off), expected);
        let coloured = table("run c1", &phases, "the program runs", Colour::On);
        assert!(coloured.starts_with("\x1b[1mbrig run c1"), "{coloured}");
    }

    #[test]
    fn what_is_not_known_of_a_phase_is_left_out_of_the_sum() {
        let mut last = phase(Actor::Init, "exec", Nature::Work, 0, 1_000_000);
        last.spent = None;
        let phases = [phase(Actor::Init, "mount", Nature::Work, 0, 2_000_000), last];
        let table = table("run c1", &phases, "", Colour::Off);
        assert!(table.contains("brig-init  3.00      1.00       -     1.00\n"), "{table}");
        assert!(table.contains("  exec     1.00         -       -        -\n"), "{table}");
    }
}
