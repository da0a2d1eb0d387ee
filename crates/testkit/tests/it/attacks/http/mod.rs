//! HTTP itself: framing, hosts, limits, and what must not be seen (rows A150 to A165).

mod framing;
mod http2;
mod leaks;
mod names;
mod paths;
mod proxies;
mod size;
mod slow;
