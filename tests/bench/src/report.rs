//! Rows, the table on the terminal and `target/bench.json`.

use serde_json::{Map, Value, json};

use crate::house::target;

/// One measured figure. All figures are better when smaller.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) reach: Reach,
    /// How it came about: count, spread, parts.
    pub(crate) note: String,
}

/// What a figure must reach.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    AtMost(f64),
    /// At most so many times what a rival needed for the same in this run.
    Times {
        times: f64,
        rival: &'static str,
        needed: f64,
    },
}

impl Row {
    pub(crate) fn limit(&self) -> f64 {
        match self.reach {
            Reach::AtMost(limit) => limit,
            Reach::Times { times, needed, .. } => times * needed,
        }
    }

    pub(crate) fn ok(&self) -> bool {
        self.value <= self.limit()
    }

    /// Of the limit, or of the rival.
    fn ratio(&self) -> String {
        match self.reach {
            Reach::AtMost(0.0) => "-".to_owned(),
            Reach::AtMost(limit) => format!("{:.2}", self.value / limit),
            Reach::Times { needed, .. } => format!("{:.2} ×", self.value / needed),
        }
    }

    fn limit_words(&self) -> String {
        match self.reach {
            Reach::AtMost(limit) => format!("≤ {} {}", number(limit), self.unit),
            Reach::Times {
                times,
                rival,
                needed,
            } => {
                format!("≤ {times} × {rival}: {} {}", number(needed), self.unit)
            }
        }
    }

    fn verdict(&self) -> &'static str {
        if self.ok() { "ok" } else { "MISSED" }
    }

    fn cells(&self) -> [String; 6] {
        [
            self.name.to_owned(),
            number(self.value),
            self.unit.to_owned(),
            self.limit_words(),
            self.ratio(),
            self.verdict().to_owned(),
        ]
    }

    /// The row as one line, with its note.
    pub(crate) fn line(&self) -> String {
        let [name, value, unit, limit, _, verdict] = self.cells();
        format!("{name}: {value} {unit} ({limit}) {verdict}; {}", self.note)
    }
}

/// The rows as a table for a terminal.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = [
        "name",
        "value",
        "unit",
        "limit or rival",
        "ratio",
        "verdict",
    ]
    .map(str::to_owned);
    let lines: Vec<[String; 6]> = [head]
        .into_iter()
        .chain(rows.iter().map(Row::cells))
        .collect();
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let padded = lines.iter().map(|line| {
        let cells = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    padded.collect::<Vec<_>>().join("\n")
}

/// Writes the rows of this run to `target/bench.json` of the repository.
pub(crate) fn write_json(rows: &[Row]) {
    let entries = rows.iter().map(|row| {
        let figure = json!({
            "value": row.value, "unit": row.unit, "reach": row.limit(), "ok": row.ok(),
        });
        (row.name.to_owned(), figure)
    });
    let all: Map<String, Value> = entries.collect();
    let text = format!("{:#}\n", Value::Object(all));
    let file = target().join("bench.json");
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// Three digits that count, no more.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        small if small < 1.0 => 3,
        small if small < 10.0 => 2,
        small if small < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: f64, reach: Reach) -> Row {
        Row {
            name: "row",
            value,
            unit: "s",
            reach,
            note: String::new(),
        }
    }

    #[test]
    fn a_figure_is_judged_by_its_limit_or_by_its_rival() {
        let rival = |value| {
            let reach = Reach::Times {
                times: 2.5,
                rival: "rival",
                needed: 2.0,
            };
            row(value, reach)
        };
        assert!(row(0.0, Reach::AtMost(0.0)).ok() && !row(1.0, Reach::AtMost(0.0)).ok());
        assert!(rival(5.0).ok() && !rival(5.1).ok());
        assert_eq!(rival(5.0).ratio(), "2.50 ×");
        assert_eq!(row(3.0, Reach::AtMost(4.0)).ratio(), "0.75");
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        assert!(!row(f64::NAN, Reach::AtMost(1.0)).ok());
        assert!(!row(f64::INFINITY, Reach::AtMost(1.0)).ok());
    }

    #[test]
    fn the_columns_of_the_table_stand_in_line() {
        let table = table(&[
            row(12.34, Reach::AtMost(150.0)),
            row(0.5, Reach::AtMost(0.0)),
        ]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1], "row   12.3   s     ≤ 150 s         0.08   ok");
        assert_eq!(lines[2], "row   0.5    s     ≤ 0 s           -      MISSED");
    }
}
