//! The table, in Markdown, as README.md shows it.

use std::fmt;
use std::fs;
use std::time::Duration;

use super::candidates::{Candidate, Kind};
use super::figures::{added, milliseconds, paired_ratio};
use super::meter::Sample;
use super::operations::Operation;

/// All rows of one run of the bench.
#[derive(Debug)]
pub(super) struct Report<'a> {
    candidates: &'a [Candidate],
    rounds: usize,
    rows: Vec<Row>,
}

/// One row: what it is about, and what each candidate has in it.
#[derive(Debug)]
pub(super) struct Row {
    title: String,
    cells: Vec<Result<Cell, String>>,
}

/// What one candidate has in a row.
#[derive(Debug)]
pub(super) enum Cell {
    /// One time for each round.
    Walls(Vec<Duration>),
    /// A count, or that there is nothing to count.
    Count(Option<u64>),
    /// By how many nanoseconds something took longer than something else.
    Added(Vec<i64>),
}

impl Row {
    /// A row of cells.
    pub(super) fn of(title: &str, cells: Vec<Result<Cell, String>>) -> Self {
        Self { title: title.to_owned(), cells }
    }

    /// A row of times.
    pub(super) fn timed(operation: Operation, samples: Vec<Result<Vec<Sample>, String>>) -> Self {
        let walls = |samples: Vec<Sample>| Cell::Walls(samples.iter().map(|sample| sample.wall).collect());
        Self {
            title: operation.to_string(),
            cells: samples.into_iter().map(|cell| cell.map(walls)).collect(),
        }
    }

    /// A row of times that were taken one by one.
    pub(super) fn walls(title: &str, walls: Vec<Result<Vec<Duration>, String>>) -> Self {
        Self { title: title.to_owned(), cells: walls.into_iter().map(|cell| cell.map(Cell::Walls)).collect() }
    }

    /// A row of counts.
    pub(super) fn counted(
        title: &str,
        candidates: &[Candidate],
        count: impl Fn(&Candidate) -> Result<Option<u64>, String>,
    ) -> Self {
        let cells = candidates.iter().map(|who| count(who).map(Cell::Count)).collect();
        Self { title: title.to_owned(), cells }
    }

    /// `ours / theirs`, for times of the same rounds or for counts.
    fn ratio(&self, ours: usize, theirs: usize) -> Option<f64> {
        match (self.cells[ours].as_ref().ok()?, self.cells[theirs].as_ref().ok()?) {
            (Cell::Walls(ours), Cell::Walls(theirs)) => paired_ratio(ours, theirs),
            (Cell::Count(Some(ours)), Cell::Count(Some(theirs))) if *theirs > 0 =>
            {
                #[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
                Some(*ours as f64 / *theirs as f64)
            }
            _ => None,
        }
    }
}

impl<'a> Report<'a> {
    /// An empty table with a column for each candidate.
    pub(super) fn new(candidates: &'a [Candidate], rounds: usize) -> Self {
        Self { candidates, rounds, rows: Vec::new() }
    }

    /// Appends `row`, and tells the terminal at once who failed in it.
    pub(super) fn add(&mut self, row: Row) {
        for (who, cell) in self.candidates.iter().zip(&row.cells) {
            if let Err(reason) = cell {
                eprintln!("xtask: {}: {}: {reason}", who.title, row.title);
            }
        }
        self.rows.push(row);
    }

    /// Peers may fail; brig may not.
    ///
    /// # Errors
    /// brig failed in a row.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let Some(brig) = self.position(Kind::Brig) else { return Err("brig was not measured".into()) };
        match self.rows.iter().find(|row| row.cells[brig].is_err()) {
            Some(row) => Err(format!("brig failed: {}", row.title)),
            None => Ok(()),
        }
    }

    fn position(&self, kind: Kind) -> Option<usize> {
        self.candidates.iter().position(|who| who.kind == kind)
    }

    /// The columns that the last one compares: brig, and the newest crun.
    fn compared(&self) -> Option<(usize, usize)> {
        Some((self.position(Kind::Brig)?, self.position(Kind::Crun)?))
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compared = self.compared();
        let titles: Vec<&str> = self.candidates.iter().map(|who| who.title.as_str()).collect();
        let last = |text: &str| compared.map(|_| format!(" {text} |")).unwrap_or_default();
        writeln!(f, "| | {} |{}", titles.join(" | "), last("brig : crun"))?;
        writeln!(
            f,
            "|---|{}{}",
            "---:|".repeat(titles.len()),
            if compared.is_some() { "---:|" } else { "" }
        )?;
        for row in &self.rows {
            let cells: Vec<String> = row.cells.iter().map(text).collect();
            let ratio = compared.and_then(|(ours, theirs)| row.ratio(ours, theirs));
            let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
            writeln!(f, "| {} | {} |{}", row.title, cells.join(" | "), last(&ratio))?;
        }
        writeln!(
            f,
            "\nTimes are medians / minima of {} rounds in turns, whole process, {}.",
            self.rounds,
            machine()
        )
    }
}

fn text(cell: &Result<Cell, String>) -> String {
    let text = match cell {
        Ok(Cell::Walls(walls)) => milliseconds(walls),
        Ok(Cell::Count(count)) => count.map(|count| count.to_string()),
        Ok(Cell::Added(differences)) => added(differences),
        Err(_) => Some("fails".to_owned()),
    };
    text.unwrap_or_else(|| "–".to_owned())
}

/// Kernel and processor of this machine.
fn machine() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> =
        processors.lines().filter_map(|line| line.strip_prefix("model name\t: ")).collect();
    let model = models.first().copied().unwrap_or("unknown processor");
    format!("Linux {}, {} x {model}", kernel.trim(), models.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_row_compares_times_by_round_and_counts_by_value() {
        let walls = Row {
            title: String::new(),
            cells: vec![Ok(Cell::Walls(vec![MS])), Ok(Cell::Walls(vec![4 * MS]))],
        };
        assert_eq!(walls.ratio(0, 1), Some(0.25));
        let counts =
            Row { title: String::new(), cells: vec![Ok(Cell::Count(Some(3))), Ok(Cell::Count(Some(6)))] };
        assert_eq!(counts.ratio(0, 1), Some(0.5));
    }

    #[test]
    fn a_cell_without_a_figure_is_a_dash_and_a_failure_says_so() {
        assert_eq!(text(&Ok(Cell::Count(None))), "–");
        assert_eq!(text(&Ok(Cell::Walls(Vec::new()))), "–");
        assert_eq!(text(&Err("no".into())), "fails");
    }
}
