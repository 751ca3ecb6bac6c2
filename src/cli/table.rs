//! Tables that fit the terminal.

use std::io::{self, IsTerminal};

use clap::Args;
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, presets};

use super::output::{self, Cell};

/// Blanks of a column, one on each side.
const PADDING: u16 = 2;

/// Width down to which text is cut before a column is left out.
const SHORTEST_TEXT: u16 = 10;

/// Column of a table. At a terminal that is too narrow, columns are left out first, then text is cut, then ids.
#[derive(Clone, Copy)]
pub struct Column {
    heading: &'static str,
    /// Whether its cells may be cut.
    is_text: bool,
    /// 0 if it is always shown, else its place among the columns that are left out: the highest goes first.
    rank: u8,
}

impl Column {
    /// Leaves the column out if the terminal is too narrow, after the columns of a higher `rank`.
    pub const fn extra(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// Returns a column whose cells are complete, as ids and numbers are.
pub const fn whole(heading: &'static str) -> Column {
    Column {
        heading,
        is_text: false,
        rank: 0,
    }
}

/// Returns a column whose cells may be cut.
pub const fn text(heading: &'static str) -> Column {
    Column {
        is_text: true,
        ..whole(heading)
    }
}

/// Option of a command that prints a table.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Wide {
    /// Show all columns in full, however wide the table is
    #[arg(long)]
    wide: bool,
}

impl Wide {
    /// Returns the width that tables have to fit; none if they are complete, as in a pipe.
    pub fn limit(self) -> Option<u16> {
        let is_terminal = io::stdout().is_terminal();
        (is_terminal && !self.wide).then(|| {
            let width = output::width();
            u16::try_from(width).unwrap_or(u16::MAX)
        })
    }
}

/// Prints a table.
pub fn print<C: Into<Cell>>(
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<C>>,
    wide: Wide,
) -> io::Result<()> {
    let rows = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| cell.into().shown()).collect());
    output::line(&draw(columns, rows, wide.limit()))
}

/// Returns a table that fits `width`, or that is complete.
fn draw(
    columns: &[Column],
    rows: impl Iterator<Item = Vec<comfy_table::Cell>>,
    width: Option<u16>,
) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let row = |cells: Vec<comfy_table::Cell>| {
        let mut row = Row::from(cells);
        row.max_height(1);
        row
    };
    let headings = columns
        .iter()
        .map(|one| comfy_table::Cell::new(one.heading));
    table
        .set_header(row(headings.collect()))
        .set_truncation_indicator("…");
    for cells in rows {
        table.add_row(row(cells));
    }
    if let Some(width) = width {
        fit(&mut table, columns, width);
    }
    table.trim_fmt()
}

/// Leaves columns out, and cuts text, until `table` fits `width`. If that is not enough, it cuts the widest of the other
/// columns too, such as ids of 255 characters.
fn fit(table: &mut Table, columns: &[Column], width: u16) {
    let widths = table.column_max_content_widths();
    let mut shown: Vec<_> = (0..columns.len()).collect();
    let mut may_be_cut: Vec<_> = columns.iter().map(|column| column.is_text).collect();
    let shortest = |at: usize, may_be_cut: &[bool]| {
        let heading = u16::try_from(columns[at].heading.len()).unwrap_or(u16::MAX);
        let least = SHORTEST_TEXT.max(heading).min(widths[at]);
        PADDING.saturating_add(if may_be_cut[at] { least } else { widths[at] })
    };
    while shown.iter().fold(0, |sum: u16, at| {
        sum.saturating_add(shortest(*at, &may_be_cut))
    }) > width
    {
        let last = shown.iter().copied().max_by_key(|at| columns[*at].rank);
        let widest = shown.iter().copied().filter(|at| !may_be_cut[*at]);
        if let Some(last) = last.filter(|at| columns[*at].rank > 0) {
            shown.retain(|at| *at != last);
        } else if let Some(widest) = widest.max_by_key(|at| widths[*at]) {
            may_be_cut[widest] = true;
        } else {
            break;
        }
    }
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    for (at, may_be_cut) in may_be_cut.into_iter().enumerate() {
        let constraint = match (shown.contains(&at), may_be_cut) {
            (false, _) => ColumnConstraint::Hidden,
            (true, false) => ColumnConstraint::ContentWidth,
            (true, true) => continue,
        };
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(constraint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [
        whole("ID"),
        text("NAME"),
        whole("STATUS"),
        whole("CREATED").extra(1),
        text("AVATAR").extra(2),
    ];

    fn drawn(width: Option<u16>) -> String {
        drawn_with("01a21f7b-14a9", width)
    }

    fn drawn_with(id: &str, width: Option<u16>) -> String {
        let row = [
            id,
            "Maria Magdalena von Habsburg-Lothringen",
            "CONNECTING",
            "59m 59s ago",
            "https://pictures.example.com/of/maria.png",
        ];
        let rows = [row, row].map(|row| row.map(comfy_table::Cell::new).to_vec());
        draw(&COLUMNS, rows.into_iter(), width)
    }

    #[test]
    fn tables_fit_and_keep_each_row_on_a_line() {
        for width in [40, 60, 80, 120, 200] {
            let table = drawn(Some(width));
            let lines: Vec<_> = table.lines().collect();
            assert_eq!(lines.len(), 3, "{table}");
            for line in &lines {
                assert!(
                    line.chars().count() <= usize::from(width),
                    "{width}: {table}"
                );
            }
            assert!(table.contains("01a21f7b-14a9") && table.contains("CONNECTING"));
        }
    }

    #[test]
    fn long_ids_are_cut_to_the_width() {
        let id = "u".repeat(255);
        for width in [40, 60, 80, 120, 200] {
            let table = drawn_with(&id, Some(width));
            let widest = table.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(usize::from(width)), "{width}: {table}");
            assert!(
                table.contains("CONNECTING") && table.contains("uuuu…"),
                "{table}"
            );
            assert_eq!(table.lines().count(), 3, "{table}");
        }
        assert!(drawn_with(&id, None).contains(&id));
    }

    #[test]
    fn narrow_tables_leave_columns_out_before_wide_ones() {
        let headings = |width| {
            let table = drawn(width);
            let first = table.lines().next().unwrap_or_default().to_owned();
            first.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(headings(Some(40)), "ID NAME STATUS");
        assert_eq!(headings(Some(60)), "ID NAME STATUS CREATED");
        assert_eq!(headings(Some(80)), "ID NAME STATUS CREATED AVATAR");
        assert!(drawn(Some(80)).contains('…'));
        for complete in [drawn(Some(200)), drawn(None)] {
            assert!(complete.contains("Habsburg-Lothringen") && complete.contains("maria.png"));
            assert!(!complete.contains('…'), "{complete}");
        }
    }
}
