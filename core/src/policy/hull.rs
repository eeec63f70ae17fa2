//! Which levels are worth comparing: those on the upper concave hull of quality over joules.
//!
//! # Source
//!
//! Quality being concave in joules, the best use of a finite battery holds one price of a joule between two moments at
//! which it is full or empty (Ozel et al. 2011, directional water-filling); at no price is a level below the hull the best.
//!
//! Deliberately absent: any choice between them.

use super::backlog::Offer;

/// Places in `offers` that lie on the hull, cheapest first. Those with `usable` false are left out.
///
/// Of two with the same cost and quality the later one stays.
#[must_use]
pub fn hull(offers: &[Offer], usable: impl Fn(usize) -> bool) -> Vec<usize> {
    let point = |place: usize| offers.get(place).map_or((0, 0), |offer| (offer.energy(), i128::from(offer.quality.0)));
    let mut order: Vec<usize> = (0..offers.len()).filter(|&place| usable(place)).collect();
    order.sort_by_key(|&place| (point(place).0, point(place).1, place));
    let mut kept: Vec<usize> = Vec::with_capacity(order.len());
    for place in order {
        let (cost, quality) = point(place);
        // What costs less and is no better than this one at the same cost goes; what is below the line goes too.
        if kept.last().is_some_and(|&last| point(last).1 > quality || (point(last).1 == quality && point(last).0 < cost)) {
            continue;
        }
        while let Some(&last) = kept.last() {
            let (last_cost, last_quality) = point(last);
            let below = match kept.len().checked_sub(2).and_then(|before| kept.get(before)) {
                Some(&before) => {
                    let (first_cost, first_quality) = point(before);
                    (last_quality - first_quality) * (cost - first_cost) < (quality - first_quality) * (last_cost - first_cost)
                }
                None => false,
            };
            if below || last_cost == cost {
                kept.pop()
            } else {
                break;
            };
        }
        kept.push(place);
    }
    kept
}
