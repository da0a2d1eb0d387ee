//! The audit log, read where it stands: with causes that no answer tells.

use model::log_event::{LogEvent, LogEventKind};
use store::log_events;

use crate::tenant::Tenant;

const EVENTS_MAX: i64 = 1000;

impl Tenant {
    /// Every event, oldest first.
    pub async fn log_events(&self) -> Vec<LogEvent> {
        let mut read = self.world.app.store.read().await.unwrap();
        let tenant = &self.seeded().tenant.id;
        let mut events = log_events::page(&mut read, tenant, 0, EVENTS_MAX).await.unwrap();
        events.reverse();
        events
    }

    /// The latest event of a kind; the end of the test if there is none.
    pub async fn latest_event(&self, kind: LogEventKind) -> LogEvent {
        let mut events = self.log_events().await;
        events.retain(|event| event.kind == kind);
        events.pop().unwrap_or_else(|| panic!("no event of kind {kind:?}"))
    }

    /// How many events of a kind there are.
    pub async fn count_events(&self, kind: LogEventKind) -> usize {
        self.log_events().await.iter().filter(|event| event.kind == kind).count()
    }
}
