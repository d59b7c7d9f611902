//! `stats`: what containers use, again and again in place on a terminal, or once. Runs in: parent.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use brig_runtime::{
    Error, Kind,
    foreground::Signals,
    list,
    stats::{self, Statistics},
    status::Status,
    store::{ContainerId, Store},
};
use rustix::{io::Errno, termios::tcgetwinsize};

use super::{Outcome, print, store};
use crate::{
    args::{
        Global,
        command::{StatsArgs, TableFormat},
    },
    exit::{Exit, Failure},
    log::colours_are_wanted,
    output::{
        Colour,
        usage::{Row, rows_json, rows_table},
    },
};

/// For who wants one look: as long as two looks have to be apart to tell what is used in between.
const APART: Duration = Duration::from_millis(500);

pub(super) fn run(global: &Global, args: StatsArgs) -> Outcome {
    let store = store::open(global)?;
    let ids = args.ids.iter().map(|id| ContainerId::new(id)).collect::<Result<Vec<_>, _>>()?;
    let mut looks = Looks { store, ids, earlier: Vec::new() };
    looks.rows()?;
    if args.no_stream {
        std::thread::sleep(APART.min(args.interval));
        return print(&written(&looks.rows()?, args.format, Colour::Off)).map(|()| Exit::Success);
    }
    // Ctrl-C has to give the cursor back, and a new size is to be drawn at once.
    let signals = Signals::block()?;
    let is_live = args.format == TableFormat::Table && io::stdout().is_terminal();
    let shown =
        if is_live { live(&mut looks, &signals, args.interval) } else { plain(&mut looks, &signals, &args) };
    shown.map(|()| Exit::Success)
}

/// For whoever reads a pipe: one table, or one line of JSON for each container, after every interval.
fn plain(looks: &mut Looks, signals: &Signals, args: &StatsArgs) -> Result<(), Failure> {
    while !is_over(signals, args.interval)? {
        print(&written(&looks.rows()?, args.format, Colour::Off))?;
    }
    Ok(())
}

fn written(rows: &[Row], format: TableFormat, colour: Colour) -> String {
    match format {
        TableFormat::Table => rows_table(rows, colour),
        TableFormat::Json => rows_json(rows),
    }
}

/// On a terminal: in the same place, in one piece, so that nothing flickers; no more than fits.
fn live(looks: &mut Looks, signals: &Signals, interval: Duration) -> Result<(), Failure> {
    let colour = if colours_are_wanted() { Colour::On } else { Colour::Off };
    let mut rows = looks.rows()?;
    print(ENTER)?;
    let shown = loop {
        let shown = print(&frame(&rows_table(&rows, colour)));
        match shown.and_then(|()| is_over(signals, interval)) {
            Ok(false) => {}
            Ok(true) => break Ok(()),
            Err(failure) => break Err(failure),
        }
        match looks.rows() {
            Ok(looked) => rows = looked,
            Err(failure) => break Err(failure),
        }
    };
    // The last figures stay where the prompt comes back.
    let left = print(&format!("{LEAVE}{}", rows_table(&rows, colour)));
    shown.and(left)
}

/// The other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The table from the first line of the screen on, cut to its size as it is now; what was there before is wiped behind each
/// line, not before.
fn frame(table: &str) -> String {
    let size =
        tcgetwinsize(io::stdout()).ok().map(|size| (usize::from(size.ws_row), usize::from(size.ws_col)));
    let (lines, columns) = size.filter(|(lines, columns)| *lines > 0 && *columns > 0).unwrap_or((24, 80));
    let cut = table.lines().take(lines.saturating_sub(1)).map(|line| cut(line, columns));
    let body = cut.map(|line| format!("{line}\x1b[K\r\n")).collect::<String>();
    format!("\x1b[H{body}\x1b[J")
}

/// As many characters as fit, escape codes not counted.
fn cut(line: &str, columns: usize) -> String {
    let (mut kept, mut width, mut is_code) = (String::new(), 0, false);
    for character in line.chars() {
        match (character, is_code) {
            ('\x1b', _) => is_code = true,
            ('m', true) => is_code = false,
            (_, true) => {}
            (_, false) if width == columns => continue,
            (_, false) => width += 1,
        }
        kept.push(character);
    }
    kept
}

/// Waits; true when somebody wants an end. A new size of the window ends the wait.
fn is_over(signals: &Signals, interval: Duration) -> Result<bool, Failure> {
    const CHILD: u32 = 17;
    const CONTINUE: u32 = 18;
    const WINDOW: u32 = 28;
    Ok(match signals.wait(interval)? {
        None | Some(CHILD | CONTINUE | WINDOW) => false,
        Some(_) => true,
    })
}

/// What is looked at, and how it was the last time.
struct Looks {
    store: Store,
    /// All that run, if there are none.
    ids: Vec<ContainerId>,
    earlier: Vec<(ContainerId, Instant, Statistics)>,
}

impl Looks {
    /// Those that were named must be there; of all others those that run.
    fn rows(&mut self) -> Result<Vec<Row>, Failure> {
        let all = if self.ids.is_empty() { running(&self.store)? } else { self.ids.clone() };
        let mut now = Vec::new();
        for id in all {
            match stats::stats(&self.store, &id) {
                Ok(statistics) => now.push((id, Instant::now(), statistics)),
                // It has ended between two looks.
                Err(error) if self.ids.is_empty() && is_over_for(&error) => {}
                Err(error) => return Err(store::cgroup_failure("stats", error)),
            }
        }
        let row = |(id, at, statistics): &(ContainerId, Instant, Statistics)| {
            let before = self.earlier.iter().find(|(other, _, _)| other == id);
            let before = before.map(|(_, then, before)| (at.duration_since(*then), before));
            Row::new(id.as_str(), statistics, before)
        };
        let rows = now.iter().map(row).collect();
        self.earlier = now;
        Ok(rows)
    }
}

fn is_over_for(error: &Error) -> bool {
    matches!(error.kind(), Kind::NotFound | Kind::WrongStatus | Kind::Record)
        || error.errno() == Some(Errno::NOENT)
}

fn running(store: &Store) -> Result<Vec<ContainerId>, Failure> {
    let listed = match list::list(store) {
        Err(error) if error.errno() == Some(Errno::NOENT) => return Ok(Vec::new()),
        listed => listed?,
    };
    let alive =
        listed.states.iter().filter(|state| !matches!(state.status, Status::Stopped | Status::Creating));
    alive.map(|state| Ok(ContainerId::new(&state.id)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_line_is_cut_to_the_width_of_the_screen_and_its_colours_end() {
        assert_eq!(cut("abcdef", 3), "abc");
        assert_eq!(cut("größe", 4), "größ");
        assert_eq!(cut("\x1b[31mabcdef\x1b[0mgh", 3), "\x1b[31mabc\x1b[0m");
        assert_eq!(cut("", 3), "");
    }
}
