//! How it was before a change, as the log notes it.
//!
//! Rows tell what is, and the log says which of them changed. What came into a feed by that, and what went out of it, follows
//! only from what was before as well.

use std::fmt;

use crate::{
    follow::{Edge, Window},
    time::Timestamp,
};

/// How it was before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// What of each other's activities reached the two users of the event, in the form of [`Edge::windows`].
    Windows {
        /// Those of the other one that reached the user.
        there: Vec<Window>,
        /// Those of the user that reached the other one; none where the change leaves that as it is.
        back: Vec<Window>,
    },
    /// The user had the same name.
    SameName,
}

impl Before {
    /// Before a follow began, moved or ended.
    pub fn of_edge(edge: &Edge) -> Self {
        Self::Windows { there: edge.windows(), back: Vec::new() }
    }

    /// Before a block ended what one user stored about the other, and the other way round.
    pub fn of_edges(there: &Edge, back: &Edge) -> Self {
        Self::Windows { there: there.windows(), back: back.windows() }
    }

    /// Reads what [`Display`](fmt::Display) writes; none where it is nothing of that.
    pub fn parse(raw: &str) -> Option<Self> {
        if raw == SAME_NAME {
            return Some(Self::SameName);
        }
        let (there, back) = raw.split_once('|')?;
        Some(Self::Windows { there: windows(there)?, back: windows(back)? })
    }
}

const SAME_NAME: &str = "=";

/// Microseconds of both ends, nothing for an open one: `5..9,12..|..`.
impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameName => f.write_str(SAME_NAME),
            Self::Windows { there, back } => {
                write_windows(f, there)?;
                f.write_str("|")?;
                write_windows(f, back)
            }
        }
    }
}

fn write_windows(f: &mut fmt::Formatter<'_>, windows: &[Window]) -> fmt::Result {
    for (index, Window { from, until }) in windows.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let micros = |end: &Option<Timestamp>| end.map(|end| end.micros().to_string()).unwrap_or_default();
        write!(f, "{comma}{}..{}", micros(from), micros(until))?;
    }
    Ok(())
}

fn windows(raw: &str) -> Option<Vec<Window>> {
    let all = raw.split(',').filter(|window| !window.is_empty());
    all.map(|window| {
        let (from, until) = window.split_once("..")?;
        Some(Window { from: end(from).ok()?, until: end(until).ok()? })
    })
    .collect()
}

/// An end of a window, which may be open.
fn end(raw: &str) -> Result<Option<Timestamp>, NoInstant> {
    if raw.is_empty() {
        return Ok(None);
    }
    let micros = raw.parse().map_err(|_| NoInstant)?;
    Timestamp::from_micros(micros).map(Some).map_err(|_| NoInstant)
}

struct NoInstant;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let at = |micros| Timestamp::from_micros(micros).ok();
        let window = |from, until| Window { from, until };
        let bounded = vec![window(None, at(-5)), window(at(7), at(9)), window(at(12), None)];
        for (before, written) in [
            (Before::SameName, "="),
            (Before::Windows { there: vec![], back: vec![] }, "|"),
            (Before::Windows { there: vec![window(None, None)], back: vec![] }, "..|"),
            (Before::Windows { there: bounded.clone(), back: bounded }, "..-5,7..9,12..|..-5,7..9,12.."),
        ] {
            assert_eq!(before.to_string(), written);
            assert_eq!(Before::parse(written), Some(before));
        }
    }

    #[test]
    fn what_is_nothing_of_that_is_not_read() {
        for raw in ["", "==", "..", "a..|", "5|", "1..2,|x", "|1..99999999999999999999"] {
            assert_eq!(Before::parse(raw), None, "{raw}");
        }
    }
}
