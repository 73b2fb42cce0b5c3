//! The list of all promises.

use super::Promise;

/// Hands every promise, by group, to a macro of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! every_promise {
    ($callback:ident) => {
        $crate::$callback! {
            users {
                the_first_put_creates_and_the_next_one_updates
                a_put_leaves_what_is_not_given_and_clears_what_is_null
                users_are_numbered_in_the_order_in_which_they_come
                names_are_compared_as_they_are
                unknown_names_are_told_in_the_order_given
                a_rename_keeps_the_id_the_follows_and_the_activities
                a_rename_frees_the_old_name_and_its_next_holder_inherits_nothing
                a_rename_to_the_name_of_another_changes_nothing
                an_edit_that_asks_for_nothing_new_changes_nothing
                an_edit_sets_name_and_display_name_at_once
                what_is_asked_of_nobody_finds_nobody
                an_erasure_says_exactly_what_it_took
                an_erasure_sets_the_counts_of_others_right
                an_erasure_leaves_activities_of_others_without_their_target
                nothing_leads_to_an_erased_user
                the_name_of_an_erased_user_is_free_and_the_number_is_not
                users_are_listed_by_code_point
                a_prefix_is_literal_and_case_sensitive
            }
            activities {
                a_post_is_stored_as_it_was_sent
                what_is_not_sent_is_empty
                posts_at_the_same_instant_have_rising_times_and_ids
                a_clock_that_goes_back_does_not_put_a_later_post_below
                a_published_that_lies_ahead_counts_as_now_and_a_past_one_is_kept
                a_post_that_names_nobody_is_not_stored_and_says_who_is_missing
                a_target_may_be_the_actor
                an_external_id_sent_again_with_the_same_content_is_the_same_activity
                an_external_id_sent_again_with_other_content_is_taken
                a_post_from_a_fast_clock_is_the_same_when_it_is_sent_again
                an_external_id_belongs_to_its_actor
                an_external_id_is_free_again_after_a_delete
                a_repeat_is_compared_with_what_is_stored_now
                an_edit_sets_what_is_given_and_says_when
                an_edit_that_asks_for_nothing_sets_no_time
                an_edit_needs_its_precondition_and_a_target_that_is_a_user
                a_rename_gives_an_activity_another_tag
                an_edited_target_moves_between_mentions
                a_delete_takes_the_activity_out_of_every_feed
            }
            batches {
                a_batch_stores_what_it_can_and_answers_in_the_order_sent
                a_batch_of_all_or_none_stores_nothing_when_one_fails
                a_batch_of_all_or_none_fails_by_a_taken_external_id_too
                an_external_id_counts_within_a_batch
                a_thousand_items_are_one_batch
                an_empty_batch_changes_nothing
            }
            follows {
                a_follow_begins_now_and_is_found
                a_second_follow_leaves_the_first_as_it_was
                a_follow_with_a_bound_moves_the_bound_and_keeps_its_since
                a_follow_checks_names_then_oneself_then_blocks
                an_unfollow_ends_the_follow_and_says_whether_there_was_one
                a_batch_follows_and_unfollows_in_order
                a_batch_may_end_what_it_began
                a_batch_may_name_a_thousand
                follows_are_listed_newest_first_from_both_ends
                follows_of_the_same_instant_are_listed_by_their_order
                a_list_of_nobody_is_none
                relationships_are_told_in_the_order_asked_without_unknown_names
            }
            windows {
                a_follow_shows_all_history_and_all_that_comes
                a_bound_is_inclusive_and_about_the_time_published
                a_follow_from_now_shows_what_is_published_from_now_on
                a_bound_that_lies_ahead_counts_as_now
                an_unfollow_hides_all_at_once
                kept_history_shows_what_was_published_up_to_the_unfollow
                keeping_history_again_changes_nothing_and_a_plain_unfollow_removes_it
                windows_add_up_and_show_nothing_twice
                three_kept_spans_stand_side_by_side
                a_follow_after_kept_history_is_new
                windows_of_one_edge_are_not_those_of_another
            }
            relations {
                a_block_ends_follows_both_ways_and_what_was_kept_of_them
                a_block_refuses_follows_both_ways_until_it_ends
                a_block_hides_mentions_both_ways_until_it_ends
                a_block_leaves_what_third_persons_do
                a_mute_hides_from_the_friends_feed_alone
                a_mute_holds_for_follows_that_come_later_and_for_kept_history
                a_block_leaves_mutes
                a_relation_says_since_when_it_stands
                a_relation_checks_names_then_oneself
                ending_a_relation_says_whether_there_was_one
                relations_are_listed_newest_first
                a_rename_changes_the_name_in_every_list
            }
            feeds {
                the_order_is_total_and_every_boundary_is_exact
                a_boundary_outlives_its_activity
                a_verb_filter_shows_any_of_its_verbs
                a_friends_feed_includes_oneself_when_asked
                a_feed_of_nobody_is_none_and_that_of_a_newcomer_empty
                a_numbered_page_passes_over_what_comes_before
                a_walk_to_the_end_and_back_gives_everything_once
                a_reader_of_many_hundreds_sees_them_all
                what_was_answered_is_in_the_next_read
                an_edit_does_not_move_an_activity
                what_is_told_about_visibility_is_what_is_stored
                a_feed_that_is_said_to_be_unchanged_reads_the_same
            }
            notifications {
                what_targets_a_user_is_grouped_by_verb_object_and_day
                a_day_is_one_of_utc_and_ends_at_midnight
                a_group_names_its_newest_actors_and_counts_all
                followers_of_a_day_are_one_group
                ones_own_doings_are_no_notifications
                a_block_hides_notifications_until_it_ends
                groups_are_right_after_edits_deletes_and_erasures
                a_mark_holds_until_there_is_news
                an_edit_is_news_where_it_says_something_else
                a_mark_is_no_event_and_checks_its_user
                a_mark_may_carry_a_key
                every_boundary_of_groups_is_exact
                a_walk_of_groups_gives_each_once_while_news_arrive
                groups_equal_the_mentions_after_a_random_history
            }
            events {
                an_empty_log_begins_with_one
                every_change_is_one_event_that_tells_whom_it_is_about
                what_changes_nothing_is_not_in_the_log
                positions_are_dense_and_times_do_not_fall
                an_event_has_the_time_of_its_change
                the_log_is_read_in_stretches
                trimming_forgets_the_oldest_and_keeps_the_last
                a_page_tells_the_position_that_it_includes
            }
            idempotency {
                a_repeated_key_gives_the_first_answer_and_has_one_effect
                a_key_used_again_for_something_else_is_refused
                a_key_counts_for_24_hours
                a_failure_is_not_stored
                an_answer_without_a_change_is_stored_too
                an_erasure_drops_answers_that_name_the_user_and_keeps_their_keys
                a_rename_does_not_hide_a_stored_answer_from_an_erasure
                every_write_that_takes_a_key_keeps_its_answer
                a_batch_that_is_not_stored_leaves_its_key_free
                a_look_tells_what_a_key_meets
                an_answer_alone_is_remembered_and_forgotten_with_its_user
                a_sweep_forgets_old_keys_a_few_at_a_time
            }
            application_keys {
                a_key_is_found_by_its_digest_alone
                a_revoked_key_opens_nothing_and_is_not_listed
                keys_are_listed_newest_first_from_both_ends
                the_last_use_of_a_key_never_goes_back
                a_key_made_again_under_an_idempotency_key_is_one
                keys_outlive_a_reset
            }
            webhooks {
                a_webhook_is_kept_as_it_was_made_at_the_end_of_the_log
                a_webhook_that_names_nobody_is_not_made
                there_are_only_so_many_webhooks
                webhooks_are_listed_newest_first_from_both_ends
                a_change_is_what_the_domain_makes_of_it
                a_webhook_goes_with_the_users_whom_it_names
                a_reset_takes_all_webhooks
                it_is_told_whether_any_webhook_is_enabled
                one_holder_alone_has_a_lease_until_it_ends_or_is_given_back
                what_is_recorded_is_what_is_found
                what_is_about_another_revision_is_not_recorded
                a_replay_forgets_the_deliveries_that_come_again
                what_is_switched_on_again_is_tried_at_once
                a_delivery_is_asked_for_once_more_beside_the_line
                deliveries_are_listed_by_state_newest_first_from_both_ends
                old_deliveries_are_forgotten_a_few_at_a_time
                the_tally_counts_what_is_there
                what_is_done_under_an_idempotency_key_is_done_once
            }
            secrets {
                the_first_secret_of_a_name_stays
                of_two_secrets_that_come_at_once_one_wins_for_both
            }
            imports {
                an_import_twice_changes_nothing_the_second_time
                a_record_twice_in_a_batch_is_stored_once
                users_are_made_as_they_are_met_at_the_start_of_the_import
                an_id_that_exists_is_passed_over_before_its_users_are_made
                an_imported_activity_is_kept_as_it_is
                an_imported_user_is_kept_as_it_is_and_a_present_one_stays
                a_bad_record_stops_its_batch_and_nothing_of_it_is_stored
                a_bad_record_is_left_out_when_asked_to
                external_ids_within_an_import_are_unique_for_their_actor
                an_imported_follow_is_refused_where_a_block_stands
                an_imported_edge_shows_what_its_windows_say
                an_imported_relation_keeps_its_since
                a_large_batch_is_imported_in_one_step
            }
            transfer {
                an_export_is_in_order
                an_export_ends_when_its_sink_has_enough
                an_export_imported_elsewhere_gives_the_same_feeds
                an_empty_store_exports_nothing
            }
            development {
                a_reset_loads_the_fixture_and_numbers_users_from_one
                a_reset_wipes_everything_but_secrets
                a_reset_is_one_event_and_the_sequence_goes_on
                a_store_with_many_users_is_not_reset
                listings_are_in_order_of_arrival_and_bounded
            }
            counts {
                counts_equal_a_recount_after_a_random_history
            }
            histories {
                every_feed_equals_the_model_after_every_few_steps
                lists_of_users_equal_the_model
            }
            walks {
                a_walk_forward_gives_what_was_there_throughout_exactly_once
                a_walk_backward_gives_what_was_there_throughout_exactly_once
                pages_there_and_back_are_adjacent
            }
            races {
                posts_at_once_leave_a_dense_log_in_their_order
                one_external_id_at_once_is_one_activity
                one_key_at_once_is_one_effect
                one_follow_at_once_is_new_once
                one_name_at_once_is_one_user
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! promise_list {
    ($($group:ident { $($name:ident)* })*) => {
        /// Every promise, in the order of their groups.
        pub const PROMISES: &[Promise] = &[$($(
            Promise {
                group: stringify!($group),
                name: stringify!($name),
                run: |world| Box::pin(super::$group::$name(world)),
            },
        )*)*];
    };
}

every_promise!(promise_list);
