//! Pages of lists, in Auth0's two styles.
//!
//! By offset (`page`, `per_page`): a bare array, or `{start, limit, length, total, <list>}` with
//! `include_totals`. By checkpoint (`from`, `take`): `{<list>, next?}`, which wins where a request
//! names both, as published tools do. A cursor is the id of the last item that was sent: it says
//! nothing that its reader does not know.

use serde_json::{Map, Value, json};

use super::error::{Code, ManagementError};
use super::query::Query;

const PER_PAGE_DEFAULT: usize = 50;
pub(super) const PER_PAGE_MAX: usize = 100;
/// Auth0 pages by offset through no more.
const OFFSET_ITEMS_MAX: usize = 1000;

/// The page that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Paging {
    /// By number.
    Offset { start: usize, limit: usize, include_totals: bool },
    /// After an item.
    Checkpoint { from: Option<String>, take: usize },
}

impl Paging {
    /// Reads either style.
    pub(super) fn read(query: &mut Query) -> Result<Self, ManagementError> {
        let offset = Self::read_offset(query)?;
        Ok(read_checkpoint(query, PER_PAGE_MAX)?.unwrap_or(offset))
    }

    /// Reads pages by number alone.
    pub(super) fn read_offset(query: &mut Query) -> Result<Self, ManagementError> {
        let page = query.number("page", 0..=usize::MAX)?.unwrap_or(0);
        let limit = query.number("per_page", 0..=PER_PAGE_MAX)?.unwrap_or(PER_PAGE_DEFAULT);
        let include_totals = query.boolean("include_totals")?.unwrap_or(false);
        let start = page.saturating_mul(limit);
        if start.saturating_add(limit) > OFFSET_ITEMS_MAX {
            let message = "You can only page through the first 1000 records.";
            return Err(ManagementError::new(Code::InvalidPaging, message));
        }
        Ok(Self::Offset { start, limit, include_totals })
    }

    /// Reads pages by checkpoint alone.
    pub(super) fn read_checkpoint(
        query: &mut Query,
        take_default: usize,
        take_max: usize,
    ) -> Result<Self, ManagementError> {
        let found = read_checkpoint(query, take_max)?;
        Ok(found.unwrap_or(Self::Checkpoint { from: None, take: take_default }))
    }

    /// Start, limit and whether totals are wanted, where the database cuts the page.
    pub(super) fn offset(&self) -> (usize, usize, bool) {
        match self {
            Self::Offset { start, limit, include_totals } => (*start, *limit, *include_totals),
            Self::Checkpoint { from: _, take } => (0, *take, false),
        }
    }

    /// Cuts the page out of a whole list.
    pub(super) fn cut<T>(
        &self,
        items: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<Cut<T>, ManagementError> {
        let total = items.len();
        match self {
            Self::Offset { start, limit, include_totals } => {
                let items: Vec<T> = items.into_iter().skip(*start).take(*limit).collect();
                let totals =
                    include_totals.then_some(Totals { start: *start, limit: *limit, total });
                Ok(Cut { items, frame: totals.map_or(Frame::Bare, Frame::Totals) })
            }
            Self::Checkpoint { from, take } => {
                let start = match from {
                    None => 0,
                    Some(cursor) => {
                        let position = items.iter().position(|item| id(item) == cursor);
                        position.map(|position| position + 1).ok_or_else(|| {
                            ManagementError::invalid_query("from", "It is no cursor of this list")
                        })?
                    }
                };
                let items: Vec<T> = items.into_iter().skip(start).take(*take).collect();
                let is_last = start + items.len() >= total;
                let next = items.last().filter(|_| !is_last).map(|item| id(item).to_owned());
                Ok(Cut { items, frame: Frame::Next(next) })
            }
        }
    }
}

/// A number of items as the database takes it.
pub(super) fn as_integer(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read_checkpoint(query: &mut Query, take_max: usize) -> Result<Option<Paging>, ManagementError> {
    let from = query.text("from")?;
    let take = query.number("take", 1..=take_max)?;
    if from.is_none() && take.is_none() {
        return Ok(None);
    }
    Ok(Some(Paging::Checkpoint { from, take: take.unwrap_or(PER_PAGE_DEFAULT) }))
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Cut<T> {
    pub(super) items: Vec<T>,
    pub(super) frame: Frame,
}

/// What stands around the items in the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Nothing.
    Bare,
    /// How many there are.
    Totals(Totals),
    /// Where the next page begins.
    Next(Option<String>),
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) start: usize,
    pub(super) limit: usize,
    pub(super) total: usize,
}

impl Frame {
    /// The answer: the items, called `name`, in their frame.
    pub(super) fn around(self, name: &str, items: Vec<Value>) -> Value {
        match self {
            Self::Bare => Value::Array(items),
            Self::Totals(Totals { start, limit, total }) => {
                let length = items.len();
                let mut answer = json!({
                    "start": start, "limit": limit, "length": length, "total": total,
                });
                answer[name] = Value::Array(items);
                answer
            }
            Self::Next(next) => {
                let mut answer = Map::new();
                answer.insert(name.to_owned(), Value::Array(items));
                answer.extend(next.map(|next| ("next".to_owned(), Value::String(next))));
                Value::Object(answer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(text: &str) -> Result<Paging, ManagementError> {
        let mut query = Query::of(text);
        let paging = Paging::read(&mut query)?;
        query.finish()?;
        Ok(paging)
    }

    fn page(text: &str) -> Value {
        let items = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let Cut { items, frame } = paging(text).unwrap().cut(items, |item| item).unwrap();
        frame.around("items", items.into_iter().map(Value::String).collect())
    }

    #[test]
    fn both_styles_have_their_own_frame() {
        let check = |text: &str, expected: Value| assert_eq!(page(text), expected, "{text}");
        check("", json!(["a", "b", "c", "d", "e"]));
        check("page=1&per_page=2", json!(["c", "d"]));
        check("page=9&per_page=2", json!([]));
        check(
            "per_page=0&include_totals=true",
            json!({
                "start": 0, "limit": 0, "length": 0, "total": 5, "items": [],
            }),
        );
        check(
            "page=2&per_page=2&include_totals=true",
            json!({
                "start": 4, "limit": 2, "length": 1, "total": 5, "items": ["e"],
            }),
        );
        check("take=2", json!({"items": ["a", "b"], "next": "b"}));
        check("from=b&take=2", json!({"items": ["c", "d"], "next": "d"}));
        check("from=d&take=2", json!({"items": ["e"]}));
        check("from=e", json!({"items": []}));
        check("take=5", json!({"items": ["a", "b", "c", "d", "e"]}));
        check(
            "include_totals=true&take=50&per_page=100",
            json!({
                "items": ["a", "b", "c", "d", "e"],
            }),
        );
    }

    #[test]
    fn pages_beyond_the_limits_are_refused() {
        for text in [
            "per_page=101",
            "page=10&per_page=100",
            "page=18446744073709551615",
            "take=0",
            "take=101",
            "include_totals=1",
        ] {
            assert!(paging(text).is_err(), "{text}");
        }
        let cursor_of_nothing = paging("from=x").unwrap();
        assert!(cursor_of_nothing.cut(vec!["a".to_owned()], |item| item).is_err());
    }
}
