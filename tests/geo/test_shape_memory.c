/* tests/geo/test_shape_memory.c - shapes without memory: an error, nothing leaked, nothing given.
 */
#include <errno.h>
#include <stdlib.h>

#include "fault/fault.h"
#include "geo/antimeridian.h"
#include "geo/buffer.h"
#include "geo/circle.h"
#include "geo/geodesic.h"
#include "geo/measure.h"
#include "geo/validate.h"
#include "shapes.h"
#include "test.h"

static const geo_point vertices[] = {{1799990000, 0},    {-1799980000, 0},   {-1799980000, 9000},
                                     {1799999000, 4500}, {1799990000, 9000}, {1799991000, 2000}};
static const uint32_t ends[] = {6};
static const uint32_t polygons[] = {0};

static geo_err make_cut(void)
{
    geo_area *area = NULL;
    geo_err err = geo_area_new_cut(vertices, ends, 1, NULL, &area);
    assert_int_equal(area != NULL, err == GEO_OK);
    geo_area_free(area);
    return err;
}

static geo_err check(void)
{
    return geo_validate(vertices, ends, 1, polygons, NULL);
}

static geo_err make_circle(void)
{
    geo_area *area = NULL;
    geo_err err = geo_circle_new(vertices[0], 2000, NULL, &area);
    assert_int_equal(area != NULL, err == GEO_OK);
    geo_area_free(area);
    return err;
}

static geo_err make_corridor(void)
{
    geo_area *area = NULL;
    geo_err err = geo_corridor_new(vertices, 6, 20, NULL, &area);
    assert_int_equal(area != NULL, err == GEO_OK);
    geo_area_free(area);
    return err;
}

static geo_err make_dense(void)
{
    const geo_point ring[] = {{0, 500000000}, {100000000, 600000000}, {0, 300000000}};
    const uint32_t end = 3;
    uint32_t dense_end = 0;
    geo_point *dense = NULL;
    geo_err err = geo_densify(ring, &end, 1, NULL, &dense, &dense_end);
    assert_int_equal(dense != NULL, err == GEO_OK);
    free(dense);
    return err;
}

static geo_area *made;

static geo_err measure(void)
{
    geo_measure size;
    return geo_area_measure(made, &size);
}

static geo_err make_zone(void)
{
    geo_area *zone = NULL;
    geo_err err = geo_zone_new(made, 5, true, NULL, &zone);
    assert_int_equal(zone != NULL, err == GEO_OK);
    geo_area_free(zone);
    return err;
}

/* Let each allocation fail in its turn, until one call needs no more of them. */
static void assert_survives(geo_err (*make)(void))
{
    for (uint64_t nth = 1;; nth++) {
        fault_arm(FAULT_ALLOC, nth, FAULT_ONCE, ENOMEM);
        geo_err err = make();
        bool struck = fault_struck();
        fault_clear();
        assert_int_equal(err, struck ? GEO_NO_MEMORY : GEO_OK);
        if (!struck) {
            assert_true(nth > 1);
            return;
        }
    }
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    assert_int_equal(geo_area_new_cut(vertices, ends, 1, NULL, &made), GEO_OK);
    geo_err (*const makers[])(void) = {make_cut,   check,   make_circle, make_corridor,
                                       make_dense, measure, make_zone};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        assert_survives(makers[i]);
    }
    geo_area_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
