<?php
/**
 * What updates change in the database. An update says whether it has more to do.
 */
function stand_in_update_2_0_0(): bool {
	$done = (int) get_option( 'stand_in_updated', 0 );
	update_option( 'stand_in_updated', $done + 1 );
	return $done < 2;
}
