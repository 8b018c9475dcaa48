using Pulumi;
using Pulumi.Aws.Ecr;
using Pulumi.Aws.Ecr.Inputs;
using Pulumi.DockerBuild;
using DockerInputs = Pulumi.DockerBuild.Inputs;

namespace Backup.Infra.Components;

/// <summary>The one image of all functions and tasks: given by digest, or built and pushed here.</summary>
public sealed class WorkerImage : ComponentResource
{
    private const int Kept = 10;
    private const string ReleasePrefix = "release-";

    /// <param name="given">repository@sha256:…, or null.</param>
    public WorkerImage(string name, Names names, string? given, ComponentResourceOptions? options = null) : base("backup:infra:WorkerImage", name, options)
    {
        ArgumentNullException.ThrowIfNull(names);
        var repository = new Repository($"{name}-repository", new RepositoryArgs
        {
            Name = names.Repository,
            ImageTagMutability = "IMMUTABLE_WITH_EXCLUSION",
            ImageTagMutabilityExclusionFilters = new RepositoryImageTagMutabilityExclusionFilterArgs { Filter = "pulumi*", FilterType = "WILDCARD" },
            ImageScanningConfiguration = new RepositoryImageScanningConfigurationArgs { ScanOnPush = true },
            EncryptionConfigurations = new RepositoryEncryptionConfigurationArgs { EncryptionType = "AES256" },
        }, Components.Options.Of(this));
        _ = new LifecyclePolicy($"{name}-kept", new LifecyclePolicyArgs
        {
            Repository = repository.Name,
            Policy = Compile.JsonText.Of(new
            {
                rules = new[]
                {
                    new
                    {
                        rulePriority = 1,
                        description = $"keep the last {Kept} releases",
                        selection = new { tagStatus = "tagged", tagPrefixList = new[] { ReleasePrefix }, countType = "imageCountMoreThan", countNumber = Kept },
                        action = new { type = "expire" },
                    },
                },
            }),
        }, Components.Options.Of(this));
        Uri = given is null ? Built(name, repository) : Output.Create(given);
        RegisterOutputs(new Dictionary<string, object?> { ["uri"] = Uri, ["repository"] = repository.RepositoryUrl });
    }

    public Output<string> Uri { get; }

    private Output<string> Built(string name, Repository repository)
    {
        var login = GetAuthorizationToken.Invoke(new GetAuthorizationTokenInvokeArgs { RegistryId = repository.RegistryId }, new InvokeOptions { Parent = this });
        var image = new Pulumi.DockerBuild.Image($"{name}-image", new ImageArgs
        {
            Push = true,
            BuildOnPreview = false,
            // One platform and no attestation: Lambda takes a single image, not an index.
            Platforms = { Platform.Linux_arm64 },
            Context = new DockerInputs.BuildContextArgs { Location = ".." },
            Dockerfile = new DockerInputs.DockerfileArgs { Location = "../functions/Lambda/Dockerfile" },
            Tags = { Output.Format($"{repository.RepositoryUrl}:pulumi") },
            Registries =
            {
                new DockerInputs.RegistryArgs
                {
                    Address = repository.RepositoryUrl,
                    Username = login.Apply(l => l.UserName),
                    Password = Output.CreateSecret(login.Apply(l => l.Password)),
                },
            },
            // The login changes with every run; the image does not.
        }, new CustomResourceOptions { Parent = this, RetainOnDelete = true, IgnoreChanges = { "registries" } });
        return image.Ref;
    }
}
