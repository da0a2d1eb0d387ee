//! Two nodes and a person do whatever they like to one tokenset, in any order; a model of a few lines
//! says what each of them must be told, and what stands in the row afterwards.

use std::time::Duration;

use model::connected_account::Health;
use model::ids::TenantId;
use proptest::prelude::*;
use store::connected_accounts::{self, StoredAccount};
use store::refresh_leases::{self, Failure, RefreshLease};
use store::{Database, WriteTx};

use crate::common::{Folder, Place, at};
use crate::samples::{account, settle};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A node looks at the row and asks for the lease. A short one has run out at once: its node was
    /// stopped, or killed, in the middle.
    Take { node: usize, is_short: bool },
    /// A node brings the provider's answer.
    Commit { node: usize },
    /// A node brings the provider's refusal.
    Kill { node: usize },
    /// A node tells of a passing fault, which may have spent the refresh token.
    Postpone { node: usize, is_uncertain: bool },
    /// A node gives the lease back.
    Release { node: usize },
    /// The person connects the account anew.
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    let node = 0..2_usize;
    prop_oneof![
        4 => (node.clone(), any::<bool>()).prop_map(|(node, is_short)| Step::Take { node, is_short }),
        2 => node.clone().prop_map(|node| Step::Commit { node }),
        1 => node.clone().prop_map(|node| Step::Kill { node }),
        2 => (node.clone(), any::<bool>())
            .prop_map(|(node, is_uncertain)| Step::Postpone { node, is_uncertain }),
        1 => node.prop_map(|node| Step::Release { node }),
        1 => Just(Step::Reconnect),
    ]
}

/// What a node holds.
struct Held {
    lease: RefreshLease,
    fence: u32,
    seen: StoredAccount,
}

/// The row as it must be.
#[derive(Debug)]
struct Model {
    version: i64,
    fence: u32,
    /// Whose lease there is, unless it has run out.
    lease: Option<Lease>,
    is_uncertain: bool,
    is_dead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lease {
    Of(usize),
    RunOut,
}

struct World {
    database: Database,
    tenant: TenantId,
    model: Model,
    held: [Option<Held>; 2],
}

impl World {
    async fn make(database: Database) -> Self {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        let stored = account("cac_1", "1", "first");
        assert!(connected_accounts::insert(&mut tx, &tenant, &stored).await.unwrap());
        tx.commit().await.unwrap();
        let model =
            Model { version: 1, fence: 0, lease: None, is_uncertain: false, is_dead: false };
        Self { database, tenant, model, held: [None, None] }
    }

    async fn row(&self) -> StoredAccount {
        let mut read = self.database.read().await.unwrap();
        connected_accounts::find(&mut read, &self.tenant, &"cac_1".into()).await.unwrap().unwrap()
    }

    async fn run(&mut self, step: Step) {
        let row = self.row().await;
        let mut tx = self.database.write().await.unwrap();
        match step {
            Step::Take { node, is_short } => self.take(&mut tx, node, is_short, row).await,
            Step::Commit { node } => self.commit(&mut tx, node).await,
            Step::Kill { node } => self.kill(&mut tx, node).await,
            Step::Postpone { node, is_uncertain } => {
                self.postpone(&mut tx, node, is_uncertain).await;
            }
            Step::Release { node } => self.release(&mut tx, node).await,
            Step::Reconnect => {
                let mut next = row;
                next.account.version += 1;
                let written =
                    connected_accounts::replace_tokenset(&mut tx, &self.tenant, &next).await;
                assert!(written.unwrap());
                self.model.version += 1;
                (self.model.is_dead, self.model.is_uncertain) = (false, false);
            }
        }
        tx.commit().await.unwrap();
        self.check().await;
    }

    async fn take(&mut self, tx: &mut WriteTx, node: usize, is_short: bool, seen: StoredAccount) {
        let length = if is_short { Duration::ZERO } else { Duration::from_hours(1) };
        let name = if node == 0 { "a" } else { "b" };
        let lease = refresh_leases::take(tx, &self.tenant, &seen, name, length, at(50)).await;
        let lease = lease.unwrap();
        let model = &mut self.model;
        let is_free = !model.is_dead && model.lease != Some(Lease::Of(1 - node));
        assert_eq!(lease.is_some(), is_free, "{model:?}");
        let Some(lease) = lease else { return };
        // Whoever was cut off may have spent the refresh token: the next one must know.
        model.is_uncertain |= model.lease.is_some();
        assert_eq!(lease.uncertain_since().is_some(), model.is_uncertain);
        model.lease = Some(if is_short { Lease::RunOut } else { Lease::Of(node) });
        model.fence += 1;
        self.held[node] = Some(Held { lease, fence: model.fence, seen });
    }

    async fn commit(&mut self, tx: &mut WriteTx, node: usize) {
        let Some(Held { lease, fence, seen }) = self.held[node].take() else { return };
        let mut next = seen;
        next.account.version += 1;
        let written = refresh_leases::commit(tx, &self.tenant, &lease, &next).await.unwrap();
        let model = &mut self.model;
        let expected = fence == model.fence && next.account.version == model.version + 1;
        assert_eq!(written, expected, "{model:?}");
        if written {
            model.version += 1;
            (model.lease, model.is_uncertain, model.is_dead) = (None, false, false);
        }
    }

    async fn kill(&mut self, tx: &mut WriteTx, node: usize) {
        let Some(Held { lease, fence, seen }) = self.held[node].take() else { return };
        let version = seen.account.version;
        let killed = refresh_leases::kill(tx, &self.tenant, &lease, version, "x", at(60)).await;
        let model = &mut self.model;
        let expected = fence == model.fence && version == model.version && !model.is_dead;
        assert_eq!(killed.unwrap(), expected, "{model:?}");
        if expected {
            (model.lease, model.is_uncertain, model.is_dead) = (None, false, true);
        }
    }

    async fn postpone(&mut self, tx: &mut WriteTx, node: usize, is_uncertain: bool) {
        let Some(Held { lease, fence, .. }) = self.held[node].take() else { return };
        let uncertain_since = is_uncertain.then(|| at(55));
        let failure = Failure { code: "timeout", next_attempt_at: at(60), uncertain_since };
        let noted = refresh_leases::postpone(tx, &self.tenant, &lease, &failure).await.unwrap();
        assert_eq!(noted, fence == self.model.fence, "{:?}", self.model);
        if noted {
            (self.model.lease, self.model.is_uncertain) = (None, is_uncertain);
        }
    }

    async fn release(&mut self, tx: &mut WriteTx, node: usize) {
        let Some(Held { lease, fence, .. }) = self.held[node].take() else { return };
        let released = refresh_leases::release(tx, &self.tenant, &lease).await.unwrap();
        assert_eq!(released, fence == self.model.fence, "{:?}", self.model);
        if released {
            self.model.lease = None;
        }
    }

    async fn check(&self) {
        let account = self.row().await.account;
        let model = &self.model;
        assert_eq!(account.version, model.version, "{model:?}");
        assert_eq!(account.renewal.lease.is_some(), model.lease.is_some(), "{model:?}");
        assert_eq!(account.renewal.uncertain_since.is_some(), model.is_uncertain, "{model:?}");
        let is_dead = matches!(account.health, Health::NeedsReconnect { .. });
        assert_eq!(is_dead, model.is_dead, "{model:?}");
    }
}

#[test]
fn whatever_two_nodes_do_the_row_is_as_the_model_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..40))| {
        runtime.block_on(async {
            let folder = Folder::make();
            let place = Place::File(folder.path().join("strongroom.db"));
            let mut world = World::make(place.open_migrated().await).await;
            for step in steps {
                world.run(step).await;
            }
        });
    });
}
