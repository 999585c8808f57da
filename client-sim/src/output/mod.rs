//! Output for people and programs: the report of a run, the dashboard, pages, comparisons.

pub mod files;
pub mod report;
pub mod compare;
pub mod pages;
pub mod text;
mod dashboard;
pub(crate) mod progress;
