//! Reports that people read: one model of a page, written as HTML and as Markdown.

pub mod chart;
pub mod model;
pub mod html;
pub mod markdown;
pub mod parts;
pub mod run_report;
pub mod comparison;
