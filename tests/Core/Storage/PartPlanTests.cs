using Backup.Core.Storage;

namespace Backup.Core.Tests.Storage;

public sealed class PartPlanTests
{
    private const long MiB = 1L << 20;
    private const long GiB = 1L << 30;

    [Fact]
    public void Ten_thousand_parts_hold_the_largest_object_of_five_tebibytes()
    {
        Assert.True(Enumerable.Range(1, PartPlan.MaxParts).Sum(PartPlan.SizeOf) >= 5L << 40);
    }

    [Fact]
    public void Every_size_is_one_that_S3_accepts_and_a_whole_number_of_segments()
    {
        var previous = 0L;
        for (var number = 1; number <= PartPlan.MaxParts; number++)
        {
            var size = PartPlan.SizeOf(number);
            Assert.InRange(size, 5 * MiB, 5 * GiB);
            Assert.True(size >= previous);
            Assert.Equal(size, (long)PartPlan.SegmentsOf(number) * PartPlan.Segment);
            previous = size;
        }
    }

    [Fact]
    public void Objects_below_fifty_gibibytes_stay_within_the_budget_of_memory()
    {
        var stored = 0L;
        var number = 1;
        for (; stored < 50 * GiB; number++) stored += PartPlan.SizeOf(number);
        Assert.True(PartPlan.SizeOf(number) <= 32 * MiB);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10_001)]
    public void Other_part_numbers_do_not_exist(int number) => Assert.Throws<ArgumentOutOfRangeException>(() => PartPlan.SizeOf(number));
}
