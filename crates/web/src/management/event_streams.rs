//! `/event-streams`: who is told what happens to connected accounts.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod deliveries;
mod input;
mod output;
pub(super) mod read;
pub(super) mod redeliver;
pub(super) mod update;

use engine::context::Context;
use engine::event_streams::StreamError;
use model::event_stream::EventStream;
use model::ids::EventStreamId;
use store::{Query, event_streams};

use super::error::{Code, ManagementError};

impl From<StreamError> for ManagementError {
    fn from(error: StreamError) -> Self {
        match &error {
            StreamError::Unknown => unknown(),
            StreamError::NotAgain => {
                Self::new(Code::Conflict, "The event is not in a state that allows redelivery.")
            }
            StreamError::Invalid(invalid) => Self::from(invalid.clone()),
            StreamError::TooMany => {
                Self::new(Code::Conflict, "The maximum number of event streams has been reached.")
            }
            StreamError::Key(cause) => Self::internal(cause),
        }
    }
}

fn unknown() -> ManagementError {
    ManagementError::new(Code::InexistentEventStream, "The event stream does not exist.")
}

async fn find(
    q: &mut impl Query,
    context: &Context,
    id: &EventStreamId,
) -> Result<EventStream, ManagementError> {
    let found = event_streams::find(q, context.tenant_id(), id).await?;
    Ok(found.ok_or_else(unknown)?.stream)
}
