//! Who may be connected: so many HTTP connections, and so many connections of one address.
//!
//! Where there is no place, the connection that has waited for its client for longest makes room: a new client is more
//! likely to want something. Whoever waits for us is left alone.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::http::activity::{Activity, Waiting};

/// How soon to look again for who could make room.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The places of a server.
#[derive(Debug)]
pub(crate) struct Places {
    connections: Arc<Semaphore>,
    per_address: Option<usize>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// HTTP connections in the order of their arrival, and what each is doing.
    connections: HashMap<u64, (IpAddr, Arc<Activity>)>,
    /// How many connections each address has, WebSockets among them. Not kept without a limit.
    by_address: HashMap<IpAddr, usize>,
}

/// The place of an HTTP connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) activity: Arc<Activity>,
    /// What an upgraded connection keeps.
    pub(crate) address: Arc<AddressPlace>,
    number: u64,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

/// A place among those of one address, until it is dropped.
#[derive(Debug)]
pub(crate) struct AddressPlace {
    address: IpAddr,
    places: Arc<Places>,
}

impl Places {
    pub(crate) fn new(connections: usize, per_address: Option<usize>) -> Arc<Self> {
        let connections = Arc::new(Semaphore::new(connections));
        Arc::new(Self { connections, per_address, taken: Mutex::default() })
    }

    /// A place for a client of `address`, once there is one. None if the address has all that it may have, and all are
    /// busy; one that is not makes room, and the next client is welcome.
    pub(crate) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = self.take_address(address)?;
        let permit = loop {
            if let Ok(permit) = self.connections.clone().try_acquire_owned() {
                break permit;
            }
            self.make_room(None);
            let free = timeout(LOOK_AGAIN, self.connections.clone().acquire_owned());
            if let Ok(Ok(permit)) = free.await {
                break permit;
            }
        };
        let activity = Arc::new(Activity::new());
        let mut taken = self.lock();
        let number = taken.next;
        taken.next += 1;
        taken.connections.insert(number, (address.address, activity.clone()));
        Some(Place { activity, address, number, places: self.clone(), _permit: permit })
    }

    fn take_address(self: &Arc<Self>, address: IpAddr) -> Option<Arc<AddressPlace>> {
        if let Some(most) = self.per_address {
            // One that makes room is gone in a moment. Counting it no longer keeps the limit; its place is its own.
            let has = self.lock().by_address.get(&address).copied().unwrap_or_default();
            if has >= most && !(has == most && self.make_room(Some(address))) {
                return None;
            }
            *self.lock().by_address.entry(address).or_default() += 1;
        }
        Some(Arc::new(AddressPlace { address, places: self.clone() }))
    }

    /// Asks the one that has waited for longest to leave, of this address or of any; answers whether one will.
    fn make_room(&self, of: Option<IpAddr>) -> bool {
        let taken = self.lock();
        let of_address = taken.connections.values().filter(|(address, _)| of.is_none_or(|of| of == *address));
        let waiting = of_address.filter_map(|(_, activity)| Some((activity.waiting()?, activity)));
        let Some((longest, activity)) = waiting.min_by_key(|(waiting, _)| *waiting) else { return false };
        if longest != Waiting::Leaving {
            activity.make_room();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("nothing panics while it holds this lock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().connections.remove(&self.number);
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}
