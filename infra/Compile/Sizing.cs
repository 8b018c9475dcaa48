using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>How large what runs is, from the policy alone. Memory buys processors on Lambda: one at 1,769 MB.</summary>
public static class Sizing
{
    public const int LambdaSeconds = 900;
    public const int LightMegabytes = 512;

    /// <summary>S3's upload buffers and the compressors of each job are what needs memory; more than four processors do not help one connection.</summary>
    public static int DumpMegabytes(int jobs) => Math.Clamp(1024 + (512 * jobs), 1769, 7168);

    /// <summary>Fargate sells fixed pairs (processor units, megabytes).</summary>
    public static (string Cpu, string Memory) Task(int jobs) => jobs switch
    {
        <= 2 => ("1024", "4096"),
        <= 4 => ("2048", "8192"),
        <= 8 => ("4096", "16384"),
        _ => ("8192", "32768"),
    };

    /// <summary>A drill holds the restored database: Fargate's most, and twice what a Lambda can have. Paid only while it runs.</summary>
    public const int DrillGibibytes = 200;

    /// <summary>Something is handed over to Fargate: drills always, dumps unless the policy keeps them in Lambda.</summary>
    public static bool NeedsFargate(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.Drill is not null || policy.Databases.Any(d => d.Runner != Core.Model.Runner.Lambda);
    }
}
