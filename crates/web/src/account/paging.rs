//! Pages of lists: `from` (or, as one SDK sends it, `next`) and `take`.
//!
//! The lists are one person's accounts or one client's connections, so a cursor is the id of the last
//! item that was sent: it says nothing that its reader does not know.

use serde::Deserialize;

use super::error::{AccountError, Problem};

const TAKE_DEFAULT: usize = 10;
const TAKE_MAX: usize = 20;

/// The page that is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Page {
    from: Option<String>,
    next: Option<String>,
    take: Option<String>,
}

impl Page {
    /// Takes a parameter of the query; those of others are ignored.
    pub(super) fn set(&mut self, name: &str, value: String) {
        match name {
            "from" => self.from = Some(value),
            "next" => self.next = Some(value),
            "take" => self.take = Some(value),
            _ => {}
        }
    }

    /// Cuts the page out of the whole list. Answers the items and the cursor of the next page.
    pub(super) fn cut<T>(
        &self,
        items: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<(Vec<T>, Option<String>), AccountError> {
        let take = self.take()?;
        let start = match self.from.as_ref().or(self.next.as_ref()) {
            None => 0,
            Some(cursor) => {
                let position = items.iter().position(|item| id(item) == cursor);
                position.map(|position| position + 1).ok_or_else(|| invalid("from"))?
            }
        };
        let more = items.len() > start + take;
        let page: Vec<T> = items.into_iter().skip(start).take(take).collect();
        let next = page.last().filter(|_| more).map(|last| id(last).to_owned());
        Ok((page, next))
    }

    fn take(&self) -> Result<usize, AccountError> {
        let Some(take) = &self.take else { return Ok(TAKE_DEFAULT) };
        take.parse()
            .ok()
            .filter(|take| (1..=TAKE_MAX).contains(take))
            .ok_or_else(|| invalid("take"))
    }
}

fn invalid(parameter: &str) -> AccountError {
    let detail = format!("query parameter '{parameter}' is invalid");
    AccountError::invalid_payload(vec![Problem { detail, pointer: String::new() }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole_list() {
        let items: Vec<String> = (0..25).map(|number| number.to_string()).collect();
        let mut seen = Vec::new();
        let mut from = None;
        loop {
            let page = Page { from, next: None, take: Some("7".to_owned()) };
            let (cut, next) = page.cut(items.clone(), |item| item).unwrap();
            seen.extend(cut);
            from = next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(seen, items);
    }

    #[test]
    fn bad_pages_are_refused() {
        for (from, take) in
            [(None, Some("0")), (None, Some("21")), (None, Some("x")), (Some("?"), None)]
        {
            let page =
                Page { from: from.map(str::to_owned), next: None, take: take.map(str::to_owned) };
            assert!(page.cut(vec!["a".to_owned()], |item| item).is_err(), "{page:?}");
        }
    }
}
