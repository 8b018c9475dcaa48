namespace Backup.Core.Storage;

/// <summary>
/// Sizes of the parts of an upload of unknown length: 8 MiB, doubling every 1,000 parts. Small objects need little memory and the largest
/// object that S3 allows still fits into 10,000 parts.
/// </summary>
public static class PartPlan
{
    public const int Segment = 8 << 20;
    public const int MaxParts = 10_000;

    private const int PartsPerSize = 1_000;

    /// <summary>Bytes of a part that is not the last one. <paramref name="partNumber"/> counts from 1 to 10,000.</summary>
    public static long SizeOf(int partNumber)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(partNumber, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(partNumber, MaxParts);
        return (long)Segment << ((partNumber - 1) / PartsPerSize);
    }

    public static int SegmentsOf(int partNumber) => (int)(SizeOf(partNumber) / Segment);
}
