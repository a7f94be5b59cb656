/* tests/engine/test_keeper.c - a checkpoint is taken when the log has grown enough, and not before.
 */
#include "engine/internal.h"
#include "farm.h"
#include "test.h"

/* Until the keeper has looked, from the beginning. */
static void let_the_keeper_look(farm *farm)
{
    for (int i = 0; i < 2; i++) { /* the first of them it may have been at already */
        engine_keeper_stir(farm->engine);
        while (atomic_load(&farm->engine->is_stirred)) {
            log_wait(farm->log, LOG_APPENDED, UINT64_MAX, 1);
        }
    }
}

static uint64_t checkpoints_taken(farm *farm)
{
    pthread_mutex_lock(&farm->engine->checkpoint_lock);
    uint64_t number = farm->engine->checkpoint_number;
    pthread_mutex_unlock(&farm->engine->checkpoint_lock);
    return number;
}

/* bytes 0: four times the newest checkpoint. */
static void assert_due_at(farm *farm, uint64_t bytes)
{
    farm_walk(farm, 1, 3, NULL, NULL);
    farm_settle(farm);
    uint64_t taken = checkpoints_taken(farm);
    if (bytes == 0) {
        bytes = farm->engine->checkpoint_size * 4;
    }
    atomic_store(&farm->engine->bytes_since_checkpoint, bytes - 1);
    let_the_keeper_look(farm);
    assert_int_equal(checkpoints_taken(farm), taken);
    atomic_store(&farm->engine->bytes_since_checkpoint, bytes);
    engine_keeper_stir(farm->engine);
    for (int tries = 0; checkpoints_taken(farm) == taken; tries++) {
        assert_true(tries < 60000);
        log_wait(farm->log, LOG_APPENDED, UINT64_MAX, 1);
    }
    assert_int_equal(atomic_load(&farm->engine->bytes_since_checkpoint), 0);
}

static void a_checkpoint_is_due_when_the_log_has_grown_by_four_of_them(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm.checkpoint_bytes = 1;
    farm_restart(&farm, 2);
    assert_due_at(&farm, 0);
    farm_end(&farm);
}

static void nor_is_one_due_before_16_megabytes(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    assert_due_at(&farm, 16u << 20);
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_is_due_when_the_log_has_grown_by_four_of_them),
        cmocka_unit_test(nor_is_one_due_before_16_megabytes),
    };
    return cmocka_run_group_tests_name("engine keeper", tests, NULL, NULL);
}
