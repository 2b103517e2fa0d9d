//! The whole life against a trust domain that does everything wrong at least once.

mod attacks;
mod authorities;
mod cuts;
mod faults;
mod life;
mod pseudonyms;
mod world;
