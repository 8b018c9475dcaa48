using Backup.Infra.Compile;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws;
using Pulumi.Aws.Inputs;

namespace Backup.Infra;

/// <summary>The AWS provider of a stack: refuses credentials of another account, tags everything.</summary>
internal static class StackProvider
{
    public static ComponentResourceOptions For(InfraSettings settings) => new()
    {
        Provider = new Provider("aws", new ProviderArgs
        {
            Region = settings.Region,
            AllowedAccountIds = settings.Account,
            DefaultTags = new ProviderDefaultTagsArgs
            {
                Tags =
                {
                    { Grants.StackTag, settings.Names.Stem },
                    { "project", settings.Policy.Project },
                    { "environment", settings.Policy.Environment },
                },
            },
        }),
    };
}
